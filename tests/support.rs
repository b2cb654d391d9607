//! The harness: the service in this process or as the real binary, people who use it, and what they see.

mod administrators;
pub(crate) mod app;
pub(crate) mod binary;
pub(crate) mod call;
pub(crate) mod collector;
pub(crate) mod dynamodb_proxy;
pub(crate) mod engines;
pub(crate) mod gateway;
pub(crate) mod messages;
pub(crate) mod postgres;
pub(crate) mod proxies;
pub(crate) mod ses;
pub(crate) mod smtp;
pub(crate) mod user;

pub(crate) use self::{
    app::{TestApp, code_in, digits_in, tampered, token_in},
    binary::{
        Binary, command, command_of, command_of_program, directory, mail_to, previous_program, program,
    },
    call::{Answer, Call, client},
    engines::{Database, Engine, Home, Table},
    postgres::Cluster,
    smtp::MailServer,
    user::{Host, PASSWORD, Pending, SignedIn},
};
