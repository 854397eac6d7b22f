//! The stand-ins that are data, in alphabetical order of their modules. docs/modules/standins.md tells it to users.

use std::ffi::CStr;

use super::{
    kafka, socket, sql,
    table::{Answer, Argument, Does, Family, Function, Kind, Part, Takes},
};
use crate::modules::object::Class;

use Answer::{Boolean, Nil, Number, Text};
use Part::{Bytes, Destination, Parameter, Port, Unused};

/// All of them; [`super::MODULES`] opens them by their place.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    AMQP, AWS_KINESIS, GCP_LOGGING, GCP_PUBSUB, GEOIP_CITY, GEOIP_COUNTRY, IRC, JOSE, KAFKA, LUASQL_MYSQL,
    LUASQL_POSTGRES, LYAML, OPENSSL, PARQUET, SOCKET_CORE, SOCKET_UNIX, SSL, SYSTEMD_DAEMON, SYSTEMD_JOURNAL,
];

const fn argument(name: &'static str, takes: Takes, part: Part) -> Argument {
    Argument { name, takes, part }
}

const fn function(
    name: &'static CStr,
    action: &'static str,
    arguments: &'static [Argument],
    does: Does,
) -> Function {
    Function { name, action, arguments, does }
}

/// A function of its own.
pub(super) const fn own(name: &'static CStr, action: &'static str, does: crate::vm::HostFn) -> Function {
    Function { name, action, arguments: &[], does: Does::Own(does) }
}

const fn kind(name: &'static CStr, methods: &'static [Function]) -> Kind {
    Kind { class: Class { name }, methods }
}

const NOTHING: &[Answer] = &[];
const ONE: &[Answer] = &[Number(1.0)];
const TRUE: &[Answer] = &[Boolean(true)];

const AMQP: Family = Family {
    module: c"amqp",
    is_global: true,
    constant: None,
    version: Some(b"0.0.3"),
    functions: &[function(c"consumer", "consumer", &[argument("cfg", Takes::Table, Unused)], Does::Makes(0))],
    objects: &[kind(
        c"mozsvc.amqp_consumer",
        &[
            function(c"ack", "consumer:ack", &[], Does::Answers(&[Number(0.0)])),
            function(c"receive", "consumer:receive", &[], Does::Fails),
        ],
    )],
};

const AWS_KINESIS: Family = Family {
    module: c"aws.kinesis",
    is_global: true,
    constant: None,
    version: None,
    functions: &[
        function(
            c"simple_consumer",
            "simple_consumer",
            &[argument("stream", Takes::Text, Destination)],
            Does::Makes(0),
        ),
        function(c"simple_producer", "simple_producer", &[], Does::Makes(1)),
    ],
    objects: &[
        kind(
            c"mozsvc.aws.kinesis.simple_consumer",
            &[function(c"receive", "simple_consumer:receive", &[], Does::Fails)],
        ),
        kind(
            c"mozsvc.aws.kinesis.simple_producer",
            &[
                function(
                    c"send",
                    "simple_producer:send",
                    &[
                        argument("stream", Takes::Text, Destination),
                        argument("data", Takes::Text, Bytes),
                        argument("key", Takes::Text, Parameter),
                    ],
                    Does::Sends(&[Number(0.0), Nil]),
                ),
                function(
                    c"open_shard_count",
                    "simple_producer:open_shard_count",
                    &[argument("stream", Takes::Text, Unused)],
                    Does::Fails,
                ),
            ],
        ),
    ],
};

const GCP_LOGGING: Family = Family {
    module: c"gcp.logging",
    is_global: true,
    constant: None,
    version: None,
    functions: &[function(
        c"writer",
        "writer",
        &[
            argument("channel", Takes::Text, Destination),
            argument("max_async_requests", Takes::OptionalNumber, Unused),
            argument("batch_size", Takes::OptionalNumber, Unused),
        ],
        Does::Makes(0),
    )],
    objects: &[kind(
        c"mozsvc.gcp.logging.writer",
        &[
            function(
                c"send",
                "writer:send",
                &[argument("sequence_id", Takes::Sequence, Unused), argument("entry", Takes::Table, Bytes)],
                Does::Queues(&[Number(-5.0)]),
            ),
            function(
                c"send_sync",
                "writer:send_sync",
                &[argument("entry", Takes::Table, Bytes)],
                Does::Sends(&[Number(0.0)]),
            ),
            function(c"poll", "writer:poll", &[], Does::Polls),
            function(c"flush", "writer:flush", &[], Does::Answers(NOTHING)),
        ],
    )],
};

const GCP_PUBSUB: Family = Family {
    module: c"gcp.pubsub",
    is_global: true,
    constant: None,
    version: None,
    functions: &[
        function(
            c"publisher",
            "publisher",
            &[
                argument("channel", Takes::Text, Destination),
                argument("topic", Takes::Text, Destination),
                argument("max_async_requests", Takes::OptionalNumber, Unused),
                argument("batch_size", Takes::OptionalNumber, Unused),
            ],
            Does::Makes(0),
        ),
        function(
            c"subscriber",
            "subscriber",
            &[
                argument("channel", Takes::Text, Destination),
                argument("topic", Takes::Text, Destination),
                argument("subscription", Takes::Text, Destination),
                argument("max_async_requests", Takes::OptionalNumber, Unused),
            ],
            Does::Makes(1),
        ),
    ],
    objects: &[
        kind(
            c"mozsvc.gcp.pubsub.publisher",
            &[
                function(
                    c"publish",
                    "publisher:publish",
                    &[
                        argument("sequence_id", Takes::Sequence, Unused),
                        argument("msg", Takes::BytesOrMessage, Bytes),
                        argument("attributes", Takes::Any, Parameter),
                    ],
                    Does::Queues(&[Number(-5.0), Nil]),
                ),
                function(
                    c"publish_sync",
                    "publisher:publish_sync",
                    &[
                        argument("msg", Takes::BytesOrMessage, Bytes),
                        argument("attributes", Takes::Any, Parameter),
                    ],
                    Does::Sends(&[Number(0.0), Nil]),
                ),
                function(c"poll", "publisher:poll", &[], Does::Polls),
                function(c"flush", "publisher:flush", &[], Does::Answers(NOTHING)),
            ],
        ),
        kind(
            c"mozsvc.gcp.pubsub.subscriber",
            &[
                function(c"ack", "subscriber:ack", &[], Does::Answers(NOTHING)),
                function(c"pull", "subscriber:pull", &[], Does::Fails),
                function(c"pull_sync", "subscriber:pull_sync", &[], Does::Fails),
            ],
        ),
    ],
};

const GEOIP_METHODS: &[Function] = &[
    function(c"query_by_name", "db:query_by_name", &[], Does::Fails),
    function(c"query_by_addr", "db:query_by_addr", &[], Does::Fails),
    function(c"query_by_ipnum", "db:query_by_ipnum", &[], Does::Fails),
    function(c"charset", "db:charset", &[], Does::Fails),
    function(c"set_charset", "db:set_charset", &[], Does::Answers(TRUE)),
    function(c"close", "db:close", &[], Does::Answers(NOTHING)),
];

const GEOIP_CITY: Family = Family {
    module: c"geoip.city",
    is_global: false,
    constant: None,
    version: None,
    functions: &[function(
        c"open",
        "open",
        &[argument("file", Takes::OptionalText, Destination)],
        Does::Makes(0),
    )],
    objects: &[kind(c"lua-geoip.db.city", GEOIP_METHODS)],
};

const GEOIP_COUNTRY: Family = Family {
    module: c"geoip.country",
    is_global: false,
    constant: None,
    version: None,
    functions: &[function(
        c"open",
        "open",
        &[argument("file", Takes::OptionalText, Destination)],
        Does::Makes(0),
    )],
    objects: &[kind(c"lua-geoip.db.country", GEOIP_METHODS)],
};

const IRC: Family = Family {
    module: c"irc",
    is_global: true,
    constant: None,
    version: None,
    functions: &[function(
        c"new",
        "new",
        &[
            argument("nick", Takes::Text, Unused),
            argument("server", Takes::Text, Destination),
            argument("port", Takes::Number, Port),
            argument("channel", Takes::Text, Destination),
            argument("key", Takes::OptionalText, Unused),
        ],
        Does::Makes(0),
    )],
    objects: &[Kind {
        class: socket::IRC,
        methods: &[
            own(c"status", "conn:status", socket::irc_status),
            function(
                c"write_raw",
                "conn:write_raw",
                &[argument("command", Takes::Text, Bytes)],
                Does::Sends(NOTHING),
            ),
            function(
                c"write_chan",
                "conn:write_chan",
                &[argument("text", Takes::Text, Bytes)],
                Does::Sends(NOTHING),
            ),
        ],
    }],
};

const JOSE_HEADER: Class = Class { name: c"mozsvc.jose.hdr" };
const JOSE_KEY: Class = Class { name: c"mozsvc.jose.jwk" };

const JOSE: Family = Family {
    module: c"jose",
    is_global: true,
    constant: None,
    version: Some(b"0.0.1"),
    functions: &[
        function(c"header", "header", &[argument("values", Takes::Table, Unused)], Does::Makes(0)),
        function(c"jwk_import", "jwk_import", &[argument("json", Takes::Text, Unused)], Does::Makes(1)),
        function(c"jws_import", "jws_import", &[argument("cs", Takes::Text, Unused)], Does::Makes(2)),
        function(c"jwe_import", "jwe_import", &[argument("cs", Takes::Text, Unused)], Does::Makes(3)),
        function(
            c"jws_sign",
            "jws_sign",
            &[
                argument("jwk", Takes::Object(JOSE_KEY), Unused),
                argument("plaintext", Takes::Text, Unused),
                argument("header", Takes::Object(JOSE_HEADER), Unused),
            ],
            Does::Makes(2),
        ),
        function(
            c"jwe_encrypt",
            "jwe_encrypt",
            &[
                argument("jwk", Takes::Object(JOSE_KEY), Unused),
                argument("plaintext", Takes::Text, Unused),
                argument("header", Takes::Object(JOSE_HEADER), Unused),
            ],
            Does::Makes(3),
        ),
    ],
    objects: &[
        Kind { class: JOSE_HEADER, methods: &[function(c"get", "hdr:get", &[], Does::Fails)] },
        Kind { class: JOSE_KEY, methods: &[] },
        kind(
            c"mozsvc.jose.jws",
            &[
                function(c"verify", "jws:verify", &[], Does::Fails),
                function(c"export", "jws:export", &[], Does::Fails),
                function(c"plaintext", "jws:plaintext", &[], Does::Fails),
                function(c"header", "jws:header", &[], Does::Fails),
            ],
        ),
        kind(
            c"mozsvc.jose.jwe",
            &[
                function(c"export", "jwe:export", &[], Does::Fails),
                function(c"decrypt", "jwe:decrypt", &[], Does::Fails),
                function(c"header", "jwe:header", &[], Does::Fails),
            ],
        ),
    ],
};

const KAFKA: Family = Family {
    module: c"kafka",
    is_global: true,
    constant: None,
    version: Some(b"1.0.7"),
    functions: &[
        own(c"consumer", "consumer", kafka::consumer),
        own(c"producer", "producer", kafka::producer),
    ],
    objects: &[
        Kind {
            class: kafka::PRODUCER,
            methods: &[
                own(c"create_topic", "producer:create_topic", kafka::create_topic),
                own(c"has_topic", "producer:has_topic", kafka::has_topic),
                own(c"destroy_topic", "producer:destroy_topic", kafka::destroy_topic),
                own(c"send", "producer:send", kafka::send),
                function(c"poll", "producer:poll", &[], Does::Polls),
            ],
        },
        Kind {
            class: kafka::CONSUMER,
            methods: &[function(c"receive", "consumer:receive", &[], Does::Fails)],
        },
    ],
};

const SQL_ENVIRONMENT: &[Function] = &[
    own(c"connect", "env:connect", sql::connect_mysql),
    function(c"close", "env:close", &[], Does::Answers(TRUE)),
];

const LUASQL_MYSQL: Family = Family {
    module: c"luasql.mysql",
    is_global: false,
    constant: None,
    version: None,
    functions: &[function(c"mysql", "mysql", &[], Does::Makes(0))],
    objects: &[
        kind(c"MySQL environment", SQL_ENVIRONMENT),
        Kind { class: sql::MYSQL, methods: &SQL_CONNECTION_MYSQL },
    ],
};

const LUASQL_POSTGRES: Family = Family {
    module: c"luasql.postgres",
    is_global: false,
    constant: None,
    version: None,
    functions: &[function(c"postgres", "postgres", &[], Does::Makes(0))],
    objects: &[
        kind(
            c"PostgreSQL environment",
            &[
                own(c"connect", "env:connect", sql::connect_postgres),
                function(c"close", "env:close", &[], Does::Answers(TRUE)),
            ],
        ),
        Kind { class: sql::POSTGRES, methods: &SQL_CONNECTION_POSTGRES },
    ],
};

const SQL_CONNECTION_POSTGRES: [Function; 6] = sql_connection(sql::execute_postgres, sql::escape_postgres);
const SQL_CONNECTION_MYSQL: [Function; 6] = sql_connection(sql::execute_mysql, sql::escape_mysql);

const fn sql_connection(execute: crate::vm::HostFn, escape: crate::vm::HostFn) -> [Function; 6] {
    [
        own(c"execute", "conn:execute", execute),
        own(c"escape", "conn:escape", escape),
        function(c"commit", "conn:commit", &[], Does::Answers(TRUE)),
        function(c"rollback", "conn:rollback", &[], Does::Answers(TRUE)),
        function(c"setautocommit", "conn:setautocommit", &[], Does::Answers(TRUE)),
        function(c"close", "conn:close", &[], Does::Answers(TRUE)),
    ]
}

const LYAML: Family = Family {
    module: c"lyaml",
    is_global: false,
    constant: None,
    version: None,
    functions: &[function(c"load", "load", &[], Does::Fails), function(c"dump", "dump", &[], Does::Fails)],
    objects: &[],
};

const OPENSSL: Family = Family {
    module: c"openssl",
    is_global: false,
    constant: None,
    version: None,
    functions: &[
        function(c"random", "random", &[], Does::Fails),
        function(c"digest.digest", "digest.digest", &[], Does::Fails),
        function(c"digest.new", "digest.new", &[], Does::Fails),
        function(c"digest.get", "digest.get", &[], Does::Fails),
        function(c"hmac.hmac", "hmac.hmac", &[], Does::Fails),
        function(c"hmac.digest", "hmac.digest", &[], Does::Fails),
        function(c"hmac.new", "hmac.new", &[], Does::Fails),
        function(c"cipher.encrypt", "cipher.encrypt", &[], Does::Fails),
        function(c"cipher.decrypt", "cipher.decrypt", &[], Does::Fails),
        function(c"pkey.read", "pkey.read", &[], Does::Fails),
        function(c"x509.read", "x509.read", &[], Does::Fails),
        function(c"x509.name.new", "x509.name.new", &[], Does::Fails),
        function(c"asn1.new_object", "asn1.new_object", &[], Does::Fails),
        function(c"base64", "base64", &[], Does::Fails),
        function(c"hex", "hex", &[], Does::Fails),
    ],
    objects: &[],
};

const PARQUET_ADD_GROUP: Function = function(
    c"add_group",
    "schema:add_group",
    &[argument("name", Takes::Text, Destination), argument("repetition", Takes::Text, Unused)],
    Does::Makes(1),
);
const PARQUET_ADD_COLUMN: Function = function(
    c"add_column",
    "schema:add_column",
    &[
        argument("name", Takes::Text, Unused),
        argument("repetition", Takes::Text, Unused),
        argument("type", Takes::Text, Unused),
    ],
    Does::Answers(NOTHING),
);
const PARQUET_SCHEMA: Class = Class { name: c"mozsvc.parquet_schema" };

const PARQUET: Family = Family {
    module: c"parquet",
    is_global: true,
    constant: None,
    version: Some(b"0.0.13"),
    functions: &[
        function(
            c"schema",
            "schema",
            &[argument("name", Takes::Text, Destination), argument("hive", Takes::Any, Unused)],
            Does::Makes(0),
        ),
        function(
            c"writer",
            "writer",
            &[
                argument("file", Takes::Text, Destination),
                argument("schema", Takes::Object(PARQUET_SCHEMA), Unused),
                argument("properties", Takes::Any, Unused),
            ],
            Does::Makes(2),
        ),
    ],
    objects: &[
        Kind {
            class: PARQUET_SCHEMA,
            methods: &[
                PARQUET_ADD_GROUP,
                PARQUET_ADD_COLUMN,
                function(c"finalize", "schema:finalize", &[], Does::Answers(NOTHING)),
            ],
        },
        kind(c"mozsvc.parquet_group", &[PARQUET_ADD_GROUP, PARQUET_ADD_COLUMN]),
        kind(
            c"mozsvc.parquet_writer",
            &[
                function(
                    c"dissect_record",
                    "writer:dissect_record",
                    &[argument("record", Takes::Table, Bytes)],
                    Does::Sends(NOTHING),
                ),
                function(
                    c"dissect_message",
                    "writer:dissect_message",
                    &[argument("message", Takes::Message, Bytes)],
                    Does::Sends(NOTHING),
                ),
                function(c"write_rowgroup", "writer:write_rowgroup", &[], Does::Answers(NOTHING)),
                function(c"close", "writer:close", &[], Does::Answers(NOTHING)),
            ],
        ),
    ],
};

const HOST: Argument = argument("host", Takes::Text, Destination);
const SERVICE: Argument = argument("port", Takes::Text, Port);

const STREAM_SOCKET: &[Function] = &[
    function(c"accept", "tcp:accept", &[], Does::Refuses(NOTHING)),
    function(c"bind", "tcp:bind", &[], Does::Answers(ONE)),
    function(c"close", "tcp:close", &[], Does::Aims(ONE)),
    function(c"connect", "tcp:connect", &[HOST, SERVICE], Does::Aims(ONE)),
    function(c"dirty", "tcp:dirty", &[], Does::Answers(&[Boolean(false)])),
    function(c"getfamily", "tcp:getfamily", &[], Does::Answers(&[Text(b"inet4")])),
    function(c"getfd", "tcp:getfd", &[], Does::Answers(&[Number(-1.0)])),
    function(c"getoption", "tcp:getoption", &[], Does::Refuses(NOTHING)),
    own(c"getpeername", "tcp:getpeername", socket::tcp_peer),
    function(c"getsockname", "tcp:getsockname", &[], Does::Answers(NO_ADDRESS)),
    function(c"getstats", "tcp:getstats", &[], Does::Answers(&[Number(0.0), Number(0.0), Number(0.0)])),
    function(c"setstats", "tcp:setstats", &[], Does::Answers(ONE)),
    function(c"listen", "tcp:listen", &[], Does::Answers(ONE)),
    function(c"receive", "tcp:receive", &[], Does::Refuses(&[Text(b"")])),
    own(c"send", "tcp:send", socket::tcp_send),
    function(c"setfd", "tcp:setfd", &[], Does::Answers(NOTHING)),
    function(c"setoption", "tcp:setoption", &[], Does::Answers(ONE)),
    function(c"setpeername", "tcp:setpeername", &[HOST, SERVICE], Does::Aims(ONE)),
    function(c"setsockname", "tcp:setsockname", &[], Does::Answers(ONE)),
    function(c"settimeout", "tcp:settimeout", &[], Does::Answers(ONE)),
    function(c"gettimeout", "tcp:gettimeout", &[], Does::Answers(&[Number(-1.0), Number(-1.0)])),
    function(c"shutdown", "tcp:shutdown", &[], Does::Answers(ONE)),
];

const NO_ADDRESS: &[Answer] = &[Text(b"0.0.0.0"), Number(0.0), Text(b"inet")];

const DATAGRAM_SOCKET: &[Function] = &[
    function(c"close", "udp:close", &[], Does::Aims(ONE)),
    function(c"dirty", "udp:dirty", &[], Does::Answers(&[Boolean(false)])),
    function(c"getfamily", "udp:getfamily", &[], Does::Answers(&[Text(b"inet4")])),
    function(c"getfd", "udp:getfd", &[], Does::Answers(&[Number(-1.0)])),
    own(c"getpeername", "udp:getpeername", socket::udp_peer),
    function(c"getsockname", "udp:getsockname", &[], Does::Answers(NO_ADDRESS)),
    function(c"receive", "udp:receive", &[], Does::Refuses(NOTHING)),
    function(c"receivefrom", "udp:receivefrom", &[], Does::Refuses(NOTHING)),
    function(c"send", "udp:send", &[argument("datagram", Takes::Text, Bytes)], Does::Sends(ONE)),
    function(
        c"sendto",
        "udp:sendto",
        &[argument("datagram", Takes::Text, Bytes), HOST, SERVICE],
        Does::Sends(ONE),
    ),
    function(c"setfd", "udp:setfd", &[], Does::Answers(NOTHING)),
    function(c"setoption", "udp:setoption", &[], Does::Answers(ONE)),
    function(c"getoption", "udp:getoption", &[], Does::Refuses(NOTHING)),
    function(c"setpeername", "udp:setpeername", &[HOST, SERVICE], Does::Aims(ONE)),
    function(c"setsockname", "udp:setsockname", &[], Does::Answers(ONE)),
    function(c"settimeout", "udp:settimeout", &[], Does::Answers(ONE)),
    function(c"gettimeout", "udp:gettimeout", &[], Does::Answers(&[Number(-1.0), Number(-1.0)])),
];

const SOCKET_CORE: Family = Family {
    module: c"socket.core",
    is_global: false,
    constant: Some(b"LuaSocket 3.0-rc1"),
    version: None,
    functions: &[
        function(c"tcp", "tcp", &[], Does::Makes(0)),
        function(c"tcp4", "tcp4", &[], Does::Makes(0)),
        function(c"tcp6", "tcp6", &[], Does::Makes(0)),
        function(c"connect", "connect", &[HOST, SERVICE], Does::Makes(0)),
        function(c"udp", "udp", &[], Does::Makes(1)),
        function(c"udp4", "udp4", &[], Does::Makes(1)),
        function(c"udp6", "udp6", &[], Does::Makes(1)),
        own(c"select", "select", socket::select),
        function(c"sleep", "sleep", &[argument("seconds", Takes::Number, Unused)], Does::Answers(NOTHING)),
        own(c"gettime", "gettime", socket::gettime),
        own(c"skip", "skip", socket::skip),
        own(c"newtry", "newtry", socket::newtry),
        own(c"protect", "protect", socket::protect),
        function(c"__unload", "__unload", &[], Does::Answers(NOTHING)),
        function(c"dns.gethostname", "dns.gethostname", &[], Does::Refuses(NOTHING)),
        function(c"dns.getaddrinfo", "dns.getaddrinfo", &[], Does::Refuses(NOTHING)),
        function(c"dns.getnameinfo", "dns.getnameinfo", &[], Does::Refuses(NOTHING)),
        function(c"dns.tohostname", "dns.tohostname", &[], Does::Refuses(NOTHING)),
        function(c"dns.toip", "dns.toip", &[], Does::Refuses(NOTHING)),
    ],
    objects: &[
        Kind { class: socket::TCP, methods: STREAM_SOCKET },
        Kind { class: socket::UDP, methods: DATAGRAM_SOCKET },
    ],
};

const SOCKET_UNIX: Family = Family {
    module: c"socket.unix",
    is_global: false,
    constant: None,
    version: None,
    functions: &[
        function(c"stream", "stream", &[], Does::Makes(0)),
        function(c"tcp", "tcp", &[], Does::Makes(0)),
        function(c"dgram", "dgram", &[], Does::Makes(1)),
        function(c"udp", "udp", &[], Does::Makes(1)),
    ],
    objects: &[
        Kind {
            class: socket::UNIX,
            methods: &[
                function(
                    c"connect",
                    "unix:connect",
                    &[argument("path", Takes::Text, Destination)],
                    Does::Aims(ONE),
                ),
                function(c"bind", "unix:bind", &[], Does::Answers(ONE)),
                function(c"listen", "unix:listen", &[], Does::Answers(ONE)),
                function(c"accept", "unix:accept", &[], Does::Refuses(NOTHING)),
                own(c"send", "unix:send", socket::unix_send),
                function(c"receive", "unix:receive", &[], Does::Refuses(&[Text(b"")])),
                function(c"settimeout", "unix:settimeout", &[], Does::Answers(ONE)),
                function(c"close", "unix:close", &[], Does::Aims(ONE)),
            ],
        },
        kind(
            c"unixdgram{stand-in}",
            &[
                function(
                    c"connect",
                    "unix:connect",
                    &[argument("path", Takes::Text, Destination)],
                    Does::Aims(ONE),
                ),
                function(c"bind", "unix:bind", &[], Does::Answers(ONE)),
                function(c"send", "unix:send", &[argument("data", Takes::Text, Bytes)], Does::Sends(ONE)),
                function(
                    c"sendto",
                    "unix:sendto",
                    &[argument("data", Takes::Text, Bytes), argument("path", Takes::Text, Destination)],
                    Does::Sends(ONE),
                ),
                function(c"receive", "unix:receive", &[], Does::Refuses(NOTHING)),
                function(c"receivefrom", "unix:receivefrom", &[], Does::Refuses(NOTHING)),
                function(c"settimeout", "unix:settimeout", &[], Does::Answers(ONE)),
                function(c"close", "unix:close", &[], Does::Aims(ONE)),
            ],
        ),
    ],
};

const SSL: Family = Family {
    module: c"ssl",
    is_global: false,
    constant: Some(b"0.9"),
    version: None,
    functions: &[
        function(c"newcontext", "newcontext", &[argument("params", Takes::Table, Unused)], Does::Makes(0)),
        own(c"wrap", "wrap", socket::ssl_wrap),
        function(c"loadcertificate", "loadcertificate", &[], Does::Refuses(NOTHING)),
    ],
    objects: &[
        kind(c"SSL:Context", &[]),
        Kind {
            class: socket::SSL,
            methods: &[
                function(c"close", "conn:close", &[], Does::Aims(NOTHING)),
                function(c"dirty", "conn:dirty", &[], Does::Answers(&[Boolean(false)])),
                function(c"dohandshake", "conn:dohandshake", &[], Does::Answers(TRUE)),
                function(c"getfd", "conn:getfd", &[], Does::Answers(&[Number(-1.0)])),
                function(c"getpeercertificate", "conn:getpeercertificate", &[], Does::Refuses(NOTHING)),
                function(c"getpeerchain", "conn:getpeerchain", &[], Does::Refuses(NOTHING)),
                function(c"getpeerverification", "conn:getpeerverification", &[], Does::Answers(TRUE)),
                own(c"getpeername", "conn:getpeername", socket::ssl_peer),
                function(
                    c"getstats",
                    "conn:getstats",
                    &[],
                    Does::Answers(&[Number(0.0), Number(0.0), Number(0.0)]),
                ),
                function(c"info", "conn:info", &[], Does::Refuses(NOTHING)),
                function(c"receive", "conn:receive", &[], Does::Refuses(&[Text(b"")])),
                own(c"send", "conn:send", socket::ssl_send),
                function(c"setstats", "conn:setstats", &[], Does::Answers(ONE)),
                function(c"settimeout", "conn:settimeout", &[], Does::Answers(ONE)),
                function(c"sni", "conn:sni", &[], Does::Answers(NOTHING)),
                function(c"want", "conn:want", &[], Does::Answers(&[Text(b"nothing")])),
            ],
        },
    ],
};

const SYSTEMD_DAEMON: Family = Family {
    module: c"systemd.daemon",
    is_global: false,
    constant: None,
    version: None,
    functions: &[
        function(
            c"notify",
            "notify",
            &[argument("unset_environment", Takes::Any, Unused), argument("state", Takes::Text, Bytes)],
            Does::Sends(TRUE),
        ),
        function(c"booted", "booted", &[], Does::Answers(&[Boolean(false)])),
        function(c"listen_fds", "listen_fds", &[], Does::Fails),
        function(c"watchdog_enabled", "watchdog_enabled", &[], Does::Answers(&[Boolean(false)])),
    ],
    objects: &[],
};

const SYSTEMD_JOURNAL: Family = Family {
    module: c"systemd.journal",
    is_global: false,
    constant: None,
    version: None,
    functions: &[
        function(
            c"print",
            "print",
            &[argument("priority", Takes::Number, Parameter), argument("message", Takes::Text, Bytes)],
            Does::Sends(TRUE),
        ),
        function(c"sendv", "sendv", &[argument("fields", Takes::Table, Bytes)], Does::Sends(TRUE)),
        function(c"sendt", "sendt", &[argument("fields", Takes::Table, Bytes)], Does::Sends(TRUE)),
        function(c"open", "open", &[], Does::Fails),
        function(c"open_directory", "open_directory", &[], Does::Fails),
        function(c"open_files", "open_files", &[], Does::Fails),
    ],
    objects: &[],
};
