//! `kafka`: a producer with topics, and a consumer that has nothing to give.
//!
//! Argument checks and their texts are those of production's module (`kafka/kafka.c`); configurations are checked for
//! their types, not for names librdkafka knows.

use std::ffi::{CStr, c_int};

use super::{record, table};
use crate::{
    modules::object::{Class, Object},
    vm::{Lua, Type, host_call},
};

/// A producer.
pub const PRODUCER: Class = Class { name: c"mozsvc.kafka_producer" };
/// A consumer.
pub const CONSUMER: Class = Class { name: c"mozsvc.kafka_consumer" };

const WRONG_COUNT: &CStr = c"incorrect number of arguments";
const TOPICS: &CStr = c"topics";

fn check_count(lua: Lua<'_>, least: c_int, most: c_int) {
    let n = lua.top();
    if !(least..=most).contains(&n) {
        lua.arg_error(n, WRONG_COUNT);
    }
}

fn check_producer(lua: Lua<'_>, least: c_int, most: c_int) {
    Object::<u64>::check(lua, 1, &PRODUCER);
    check_count(lua, least, most);
}

/// Checks an optional table of settings at argument `n`, which is nil afterwards where there is none.
fn check_settings(lua: Lua<'_>, n: c_int) {
    match lua.type_at(n) {
        Type::None => lua.push_nil(),
        Type::Nil => {}
        _ => {
            lua.check_type(n, Type::Table);
            check_setting_types(lua, n);
        }
    }
}

fn check_setting_types(lua: Lua<'_>, n: c_int) {
    let invalid = |what: &[u8], found: Type| {
        lua.push_bytes(what);
        lua.push_bytes(found.name().as_bytes());
        lua.concat(2);
        lua.throw()
    };
    lua.push_nil();
    while lua.next(n) {
        let (key, value) = (lua.type_at(-2), lua.type_at(-1));
        if key != Type::String {
            invalid(b"invalid config key type: ", key);
        }
        if !matches!(value, Type::String | Type::Number | Type::Boolean) {
            invalid(b"invalid config value type: ", value);
        }
        lua.pop(1);
    }
}

host_call! {
    pub fn producer(lua) {
        check_count(lua, 1, 2);
        lua.check_bytes(1);
        check_settings(lua, 2);
        table::push_object(lua, &PRODUCER);
        lua.get_environment(-1);
        lua.new_table(0, 0);
        lua.set_field(-2, TOPICS);
        lua.pop(1);
        set_brokers(lua);
        1
    }
}

/// Makes the first argument the destination of the object on top.
fn set_brokers(lua: Lua<'_>) {
    if lua.raw_len(1) == 0 {
        lua.raise(format_args!("invalid broker list"));
    }
    let object = lua.top();
    lua.push_value(1);
    lua.to_bytes(-1);
    table::set_destination(lua, object);
}

host_call! {
    pub fn consumer(lua) {
        check_count(lua, 3, 4);
        lua.check_bytes(1);
        lua.check_type(2, Type::Table);
        if lua.raw_len(2) == 0 {
            lua.arg_error(2, c"the topics array is empty");
        }
        lua.check_type(3, Type::Table);
        check_setting_types(lua, 3);
        check_settings(lua, 4);
        lua.get_field(3, c"group.id");
        if lua.type_at(-1) == Type::Nil {
            lua.raise(format_args!("group.id must be set"));
        }
        lua.pop(1);
        lua.push_nil();
        while lua.next(2) {
            if lua.type_at(-2) != Type::Number || lua.type_at(-1) != Type::String {
                lua.push_bytes(b"topics must be an array of strings");
                lua.throw();
            }
            lua.pop(1);
        }
        table::push_object(lua, &CONSUMER);
        set_brokers(lua);
        1
    }
}

/// Pushes the table of the producer's topics.
fn push_topics(lua: Lua<'_>) {
    lua.get_environment(1);
    lua.get_field(-1, TOPICS);
    lua.remove(-2);
}

fn has(lua: Lua<'_>, topic: &CStr) -> bool {
    push_topics(lua);
    lua.push_bytes(topic.to_bytes());
    lua.raw_get(-2);
    let res = lua.to_boolean(-1);
    lua.pop(2);
    res
}

/// Enters or removes the topic.
fn set(lua: Lua<'_>, topic: &CStr, is_there: bool) {
    push_topics(lua);
    lua.push_bytes(topic.to_bytes());
    if is_there {
        lua.push_boolean(true);
    } else {
        lua.push_nil();
    }
    lua.raw_set(-3);
    lua.pop(1);
}

host_call! {
    pub fn create_topic(lua) {
        check_producer(lua, 2, 3);
        let topic = lua.check_c_str(2);
        if lua.is_none_or_nil(3) || !has(lua, topic) {
            check_settings(lua, 3);
        }
        set(lua, topic, true);
        0
    }
}

host_call! {
    pub fn has_topic(lua) {
        check_count(lua, 2, 2);
        Object::<u64>::check(lua, 1, &PRODUCER);
        let topic = lua.check_c_str(2);
        let res = has(lua, topic);
        lua.push_boolean(res);
        1
    }
}

host_call! {
    pub fn destroy_topic(lua) {
        check_count(lua, 2, 2);
        Object::<u64>::check(lua, 1, &PRODUCER);
        set(lua, lua.check_c_str(2), false);
        0
    }
}

host_call! {
    /// `send(topic, partition, sequence_id, message)`; the destination is `brokers/topic`.
    pub fn send(lua) {
        check_producer(lua, 5, 5);
        let topic = lua.check_c_str(2);
        if !has(lua, topic) {
            lua.raise(format_args!("invalid topic"));
        }
        let partition = lua.check_int(3);
        lua.check_type(4, Type::LightUserdata);
        record::start(lua);
        match lua.type_at(5) {
            Type::String => record::add(lua, lua.to_bytes(5).unwrap_or_default()),
            Type::Userdata => record::add_zero_copy(lua, 5),
            _ => lua.type_error(5, c"string or userdata"),
        }
        record::push_destination(lua, 1);
        lua.push_bytes(b"/");
        lua.push_bytes(topic.to_bytes());
        lua.concat(3);
        let destination = lua.top();
        lua.push_bytes(topic.to_bytes());
        lua.push_format(format_args!("{partition}"));
        let parameters = [("topic", destination + 1), ("partition", destination + 2)];
        record::send_scratch(lua, "kafka", "producer:send", destination, &parameters);
        table::queue(lua, 4);
        lua.push_number(0.0);
        1
    }
}
