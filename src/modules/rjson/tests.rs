//! `rjson` where production dies or hangs, and where nobody recorded it: each ends with a text, within its budget.

use crate::{
    modules,
    sandbox::{AnalysisOptions, AnalysisPlugin, NativeModules},
};

/// Runs `body` in `process_message` of a fresh plugin, on a stack as large as a VM's; its error text, if it ends so.
fn run(body: &str, c_steps: u64) -> Option<String> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("x.lua");
    let script = format!(
        "require 'rjson' require 'string'\nfunction process_message() return 0 end\nfunction timer_event()\n{body}\nend"
    );
    std::fs::write(&file, script).expect("the script is written");
    let on_deep_stack = move || {
        let options = AnalysisOptions {
            lua_file: file.to_str().expect("a path in UTF-8"),
            config: b"path = '' cpath = 'io_modules/?.so' memory_limit = 30000000 output_limit = 5000000",
            state: None,
            hostname: "",
            seed: 1,
            c_steps,
            modules: modules::BUILTIN,
            native_modules: &NativeModules::BuiltIn,
            first_slot: 3000,
            start_ns: 0,
        };
        let mut plugin = AnalysisPlugin::create(&options, &mut ()).expect("the script loads");
        let goes_on = plugin.timer_event(0, false, 100, &mut ());
        let text = String::from_utf8_lossy(plugin.error()).into_owned();
        assert_eq!(goes_on, text.is_empty(), "{text}");
        (!goes_on).then(|| text.trim_start_matches("timer_event() ").to_owned())
    };
    std::thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(on_deep_stack)
        .expect("a thread")
        .join()
        .expect("no panic")
}

#[track_caller]
fn crashes(body: &str, why: &str) {
    assert_eq!(run(body, 1_000_000_000), Some(format!("production would crash here: {why}")), "{body}");
}

#[test]
fn what_production_asserts_on_ends_the_filter() {
    crashes(
        "local d = rjson.parse('[1,[2]]') d:remove(1):parse('1')",
        "a document made by remove() has no parser",
    );
    crashes(
        "local d = rjson.parse('{\"a\":1,\"b\":2}') local i = d:iter() i() d:remove('a') i() i()",
        "an iterator asserts that a member which was removed has a name",
    );
    crashes(
        "local d = rjson.parse('[1,2]') local i = d:iter() d:remove(0) i() i()",
        "an iterator asserts that its array has not shrunk",
    );
    crashes(
        "local d = rjson.parse('1') d:__gc() d:type()",
        "a document is used after its finalizer was called",
    );
    crashes("add_to_payload(rjson.parse_schema('{}'), 'x')", "a schema is written as if it were a document");
}

#[test]
fn schemas_that_production_dies_of_end_the_filter() {
    let schema = |text: &str| format!("local s = rjson.parse_schema('{text}') rjson.parse('1'):validate(s)");
    crashes(&schema(r##"{"$ref":"#"}"##), "a schema's $ref leads back to itself");
    crashes(
        &schema(r##"{"not":{"$ref":"#/x"},"x":{"$ref":"#/y"},"y":{"$ref":"#/x"}}"##),
        "a schema's $ref leads back to itself",
    );
    crashes(
        &schema(r##"{"items":{"$ref":"#/type"},"type":"object"}"##),
        "a schema's $ref to something that is no object is an assertion",
    );
    crashes(
        &schema(r#"{"patternProperties":5}"#),
        "a schema's patternProperties that is no object is an assertion",
    );
    crashes(
        &schema(r#"{"dependencies":{"a":[5]}}"#),
        "a schema's dependency that is no string is an assertion",
    );
    crashes(&schema(r#"{"not":true}"#), "a schema's validator was never made");
    crashes(&schema(r#"{"allOf":[{},true]}"#), "a schema's validator was never made");
    crashes(
        &schema(r##"{"allOf":[{"$ref":"#"}]}"##),
        "schemas lead back to themselves, or are combined too deep",
    );
    crashes(
        "rjson.parse('[1]'):validate(rjson.parse_schema('{\"items\":[true]}'))",
        "a schema is missing where something else stands",
    );
}

#[test]
fn depth_is_bounded_as_in_production() {
    crashes("rjson.parse(('['):rep(200000))", "JSON is nested so deep that the parser overflows the C stack");
    let nested = "local d = rjson.parse(('['):rep(N) .. (']'):rep(N))";
    crashes(
        &format!("{} add_to_payload(d, 'x')", nested.replace('N', "70000")),
        "JSON is nested so deep that writing it overflows the C stack",
    );
    crashes(
        &format!("{} d:remove(0)", nested.replace('N', "90000")),
        "JSON is nested so deep that copying it overflows the C stack",
    );
    crashes(
        &format!("{} d:validate(rjson.parse_schema('{{}}'))", nested.replace('N', "100000")),
        "JSON is nested so deep that validating it overflows the C stack",
    );
    crashes(
        "rjson.parse_schema(('['):rep(30000) .. (']'):rep(30000))",
        "a schema is nested so deep that compiling it overflows the C stack",
    );
    crashes(
        "rjson.parse_schema(('{\"not\":'):rep(2000) .. '{}' .. ('}'):rep(2000))",
        "a schema is nested too deep",
    );
    let fits = format!(
        "{} add_to_payload(d, 'x') inject_payload() d:remove(0) d:validate(rjson.parse_schema('{{\"items\":{{}}}}'))",
        nested.replace('N', "60000")
    );
    assert_eq!(run(&fits, 1_000_000_000), None);
    let combined = "local s = rjson.parse_schema('{\"properties\":{\"a\":{\"anyOf\":[{\"$ref\":\"#\"}]}}}')
        rjson.parse(('{\"a\":'):rep(1700) .. '1' .. ('}'):rep(1700)):validate(s)";
    assert_eq!(run(combined, 1_000_000_000), None);
}

#[test]
fn work_is_counted() {
    let steps = |text: &Option<String>| text.as_deref().is_some_and(|it| it.contains("steps in one call"));
    // Each definition asks the next one twice.
    let exponential = r##"local t = {}
        for i = 1, 60 do t[i] = string.format('"d%d":{"anyOf":[{"$ref":"#/d%d"},{"$ref":"#/d%d"}]}', i, i + 1, i + 1) end
        require 'table'
        local s = rjson.parse_schema('{' .. table.concat(t, ',') .. ',"d61":{"type":"null"},"$ref":"#/d1"}')
        rjson.parse('1'):validate(s)"##;
    let text = run(exponential, 3_000_000);
    assert!(steps(&text), "{text:?}");
    let lookups = "local d = rjson.parse('{' .. ('\"k\":1,'):rep(50000) .. '\"last\":1}')
        for i = 1, 20000 do d:find('last') end";
    let text = run(lookups, 10_000_000);
    assert!(steps(&text), "{text:?}");
    let references = r#"local s = rjson.parse_schema('{"pattern":"(a*)*(a*)*\\\\1b"}')
        rjson.parse('"' .. ('a'):rep(60) .. '"'):validate(s)"#;
    let text = run(references, 3_000_000);
    assert!(steps(&text), "{text:?}");
}

#[test]
fn iterators_of_an_earlier_text_are_invalid() {
    // Production reads memory that the parser has given back.
    let body = "local d = rjson.parse('{\"a\":1,\"b\":2}') local i = d:iter() i() d:parse('{\"c\":1}') i()";
    let text = run(body, 1000);
    assert!(
        text.as_deref().is_some_and(|it| it.ends_with("x.lua:4: iterator has been invalidated")),
        "{text:?}"
    );
}
