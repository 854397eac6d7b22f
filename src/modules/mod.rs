//! Native Lua modules, named as in `require`, in alphabetical order.
//!
//! Where production loads a shared library, `require` finds a module here: written in Rust, its state in the VM's
//! arena, its behaviour, output and preservation formats production's. A module knows the VM and the sandbox's
//! protocol for userdata; messages and pipelines are none of its business. What would reach outside is a stand-in
//! ([`standin`]); what is a Lua file in production's own folder is one here ([`embedded`]).

mod bit;
mod bit32;
mod bloom_filter;
mod circular_buffer;
mod cjson;
mod cuckoo_filter;
mod cuckoo_filter_expire;
mod date;
mod embedded;
mod gzfile;
mod hyperloglog;
mod lfs;
mod libinjection;
mod lpeg;
mod maxminddb;
mod mime;
mod object;
mod outside;
mod re;
mod rjson;
mod sax;
mod sketch;
mod snappy;
mod standin;
mod streaming_algorithms;
mod r#struct;
mod working_folder;
mod xxhash;
mod zlib;

use crate::sandbox::NativeModule;

/// Every module of this build.
#[rustfmt::skip]
pub const BUILTIN: &[NativeModule] = &[
    standin::AMQP,
    standin::AWS_KINESIS,
    bit32::MODULE,
    bit::MODULE,
    bloom_filter::MODULE,
    circular_buffer::MODULE,
    cjson::MODULE,
    cuckoo_filter::MODULE,
    cuckoo_filter_expire::MODULE,
    date::MODULE,
    gzfile::MODULE,
    hyperloglog::MODULE,
    lfs::MODULE,
    libinjection::MODULE,
    lpeg::MODULE,
    maxminddb::MODULE,
    mime::MODULE,
    re::MODULE,
    rjson::MODULE,
    sax::MODULE,
    snappy::MODULE,
    streaming_algorithms::CM_SKETCH,
    streaming_algorithms::MATRIX,
    streaming_algorithms::P2,
    streaming_algorithms::RUNNING_STATS,
    streaming_algorithms::TIME_SERIES,
    r#struct::MODULE,
    xxhash::MODULE,
    zlib::MODULE,
    standin::GCP_LOGGING,
    standin::GCP_PUBSUB,
    standin::GEOIP_CITY,
    standin::GEOIP_COUNTRY,
    standin::IRC,
    standin::JOSE,
    standin::KAFKA,
    embedded::LTN12,
    standin::LUASQL_MYSQL,
    standin::LUASQL_POSTGRES,
    standin::LYAML,
    embedded::MIME,
    standin::OPENSSL,
    standin::PARQUET,
    embedded::SOCKET,
    standin::SOCKET_CORE,
    embedded::SOCKET_HTTP,
    embedded::SOCKET_SMTP,
    standin::SOCKET_UNIX,
    embedded::SOCKET_URL,
    standin::SSL,
    embedded::SSL_HTTPS,
    standin::SYSTEMD_DAEMON,
    standin::SYSTEMD_JOURNAL,
];
