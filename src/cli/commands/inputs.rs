//! The arguments that say what to read, shared by the commands that read.

use std::{path::PathBuf, sync::Arc};

use clap::{Args, ValueEnum};

use crate::{
    archive::{self, Form, Order, Source, Template},
    cli::{
        args::{parse_size, parse_time},
        exit::Status,
    },
    matcher::{Matcher, Selection},
};

/// What to read and which of it
#[derive(Debug, Args)]
pub struct InputArgs {
    /// Only messages that this message_matcher accepts
    #[arg(short = 'm', long = "match", value_name = "EXPR")]
    matcher: Option<String>,
    /// Only messages from this time on (RFC 3339, or nanoseconds since the epoch)
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Only messages before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_hyphen_values = true)]
    until: Option<i64>,
    /// At most so many messages
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// How several inputs become one stream: one after the other, or merged by Timestamp
    #[arg(long, value_enum, default_value_t = OrderArg::Files)]
    order: OrderArg,
    /// Make messages of other text: one per line, or one per file
    #[arg(long = "as", value_enum, value_name = "FORM")]
    form: Option<FormArg>,
    /// Type of messages made of text
    #[arg(long = "type", value_name = "TYPE", requires = "form")]
    type_: Option<String>,
    /// Logger of messages made of text
    #[arg(long, value_name = "LOGGER", requires = "form")]
    logger: Option<String>,
    /// A string field of messages made of text
    #[arg(long = "field", value_name = "NAME=VALUE", requires = "form", value_parser = parse_field)]
    fields: Vec<(String, String)>,
    /// The longest message accepted, for example 64M
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub max_message_size: Option<u64>,
    /// The most bytes one compressed input may decompress to [default: 4G, or 1000 times its size]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    max_decompressed: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrderArg {
    Files,
    Time,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormArg {
    Lines,
    Payload,
}

fn parse_field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

impl InputArgs {
    /// Which messages are meant; says what is wrong with the matcher.
    pub fn selection(&self) -> Result<Selection, (Status, String)> {
        let matcher = match &self.matcher {
            None => Matcher::always(),
            Some(text) => Matcher::compile(text.as_bytes()).map_err(|error| {
                let place = error.render().replace('\n', "\n    ");
                (Status::Configuration, format!("--match: {error}\n    {place}"))
            })?,
        };
        Ok(Selection { matcher, since: self.since, until: self.until, limit: self.limit })
    }

    /// How inputs are read.
    pub fn reading(&self, default_max: usize) -> archive::Options {
        let template = || {
            Arc::new(Template {
                type_: self.type_.clone(),
                logger: self.logger.clone(),
                fields: self.fields.clone(),
                ..Template::default()
            })
        };
        archive::Options {
            max_message_size: self.max_message_size.map_or(default_max, |it| it as usize),
            order: match self.order {
                OrderArg::Files => Order::Files,
                OrderArg::Time => Order::Time,
            },
            form: match self.form {
                None => Form::Sniff,
                Some(FormArg::Lines) => Form::Lines(template()),
                Some(FormArg::Payload) => Form::Payload(template()),
            },
            max_decompressed: self.max_decompressed,
            ..archive::Options::default()
        }
    }
}

/// The inputs named on the command line; says what is wrong with them.
pub fn resolve(inputs: &[PathBuf]) -> Result<Vec<Source>, (Status, String)> {
    archive::resolve(inputs).map_err(|error| (Status::Io, error.to_string()))
}
