//! Stand-ins for modules that reach outside: they load, take what a plugin sends, and have no answers.
//!
//! Production's output plugins speak to brokers, servers and files. Here nothing leaves the process: what would be sent
//! is recorded with its destination and the line that sent it ([`crate::event::Sent`]), sends succeed, and where an answer
//! would be needed the function fails with a text that says so. docs/modules/standins.md lists every function.
//!
//! * [`table`]: stand-ins as data. [`families`]: that data. [`record`]: what was sent.
//! * [`kafka`], [`socket`], [`sql`]: what is more than data.
//! * What is a Lua module in production (`socket.http` and the like) is one here: [`crate::modules::embedded`].
//!
//! Objects are userdata whose state is a table in the arena; nothing is held, so a filter that uses stand-ins can be
//! taken back in time.
//!
//! Output plugins will bring `update_checkpoint` and message sequence numbers: producers already remember the last
//! sequence number they were given and acknowledge it in `poll()` where a global `update_checkpoint` exists.

mod families;
mod kafka;
pub mod record;
mod socket;
mod sql;
mod table;

use crate::{
    sandbox::{Kind, NativeModule},
    vm::host_call,
};

/// Declares the modules; the numbers are places in [`families::FAMILIES`].
macro_rules! stand_ins {
    ($($module:ident, $name:literal, $version:literal, $open:ident, $number:literal, $io_only:literal;)*) => {
        $(host_call! {
            fn $open(lua) {
                table::open(lua, $number)
            }
        }

        #[doc = concat!("`", $name, "`")]
        pub const $module: NativeModule = NativeModule {
            name: $name,
            open: $open,
            io_only: $io_only,
            version: $version,
            kind: Kind::StandIn,
        };)*
    };
}

stand_ins! {
    AMQP, "amqp", "0.0.3", amqp, 0, true;
    AWS_KINESIS, "aws.kinesis", "0.0.6", aws_kinesis, 1, true;
    GCP_LOGGING, "gcp.logging", "0.0.11", gcp_logging, 2, true;
    GCP_PUBSUB, "gcp.pubsub", "0.0.11", gcp_pubsub, 3, true;
    GEOIP_CITY, "geoip.city", "0.2.2", geoip_city, 4, true;
    GEOIP_COUNTRY, "geoip.country", "0.2.2", geoip_country, 5, true;
    IRC, "irc", "0.0.1", irc, 6, false;
    JOSE, "jose", "0.0.1", jose, 7, false;
    KAFKA, "kafka", "1.0.7", kafka, 8, true;
    LUASQL_MYSQL, "luasql.mysql", "2.5.1", luasql_mysql, 9, true;
    LUASQL_POSTGRES, "luasql.postgres", "2.5.1", luasql_postgres, 10, true;
    LYAML, "lyaml", "6.2.5", lyaml, 11, true;
    OPENSSL, "openssl", "0.5.2", openssl, 12, true;
    PARQUET, "parquet", "0.0.13", parquet, 13, true;
    SOCKET_CORE, "socket.core", "3.0.12", socket_core, 14, true;
    SOCKET_UNIX, "socket.unix", "3.0.12", socket_unix, 15, true;
    SSL, "ssl", "0.9.0", ssl, 16, true;
    SYSTEMD_DAEMON, "systemd.daemon", "0.0.1", systemd_daemon, 17, true;
    SYSTEMD_JOURNAL, "systemd.journal", "0.0.1", systemd_journal, 18, true;
}
