//! What to do about a store that cannot be used, by what kind of thing is wrong with it, and on which engine.

use symbolon_adapters::store_fault::StoreFault;

use crate::settings::StoreUrl;

/// One sentence for an operator.
pub(super) const fn on(url: &StoreUrl, fault: StoreFault) -> &'static str {
    match (fault, url) {
        (StoreFault::Outdated, _) => "run `symbolon migrate up`",
        (StoreFault::Newer, _) => "run the version that brought it up to date, or a newer one",
        (StoreFault::Damaged, StoreUrl::DynamoDb(_)) => {
            "somebody else has written to the table: restore it to a moment before"
        }
        (StoreFault::Damaged, _) => {
            "stop the service, and restore a backup: see README, \"Running it for longer\""
        }
        (_, StoreUrl::Sqlite { .. }) => on_file(fault),
        (_, StoreUrl::Postgres(_)) => on_postgres(fault),
        (_, StoreUrl::DynamoDb(_)) => on_dynamodb(fault),
    }
}

const fn on_file(fault: StoreFault) -> &'static str {
    match fault {
        StoreFault::Permission | StoreFault::ReadOnly => {
            "give the service's user the right to read and write the file of store.url and its directory"
        }
        StoreFault::Full => "make room on the disk where the file of store.url is",
        StoreFault::Busy => {
            "another process holds the file: end it; a backup is taken with `sqlite3 FILE \".backup …\"`, which holds nothing"
        }
        StoreFault::Foreign => "let store.url name a file of Symbolon's, or one that is not there yet",
        StoreFault::Missing => "correct store.url: nothing is there",
        _ => "see what the system's log says of the disk; on backups see README, \"Running it for longer\"",
    }
}

const fn on_postgres(fault: StoreFault) -> &'static str {
    match fault {
        StoreFault::Address => "correct store.url: postgres://USER:PASSWORD@HOST:PORT/DATABASE",
        StoreFault::Unreachable => {
            "see that the server runs, that host and port of store.url are right, and that no firewall is between"
        }
        StoreFault::Certificate => {
            "let the host of store.url be the name on the server's certificate, and name an authority of your own by sslrootcert=FILE"
        }
        StoreFault::Credentials => {
            "correct user and password in store.url; the server's own log says more, and its pg_hba.conf who may come from where"
        }
        StoreFault::Permission => "let the user of store.url own the database, or grant it what is missing",
        StoreFault::Missing => {
            "correct the database's name in store.url, or make it: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        }
        StoreFault::Encoding => "make another database: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        StoreFault::Busy => {
            "wait: the server starts or stops, or somebody holds a lock (pg_stat_activity says who)"
        }
        StoreFault::Crowded => {
            "raise max_connections of the server, or lower store.max_connections on every node"
        }
        StoreFault::Full => "make room on the server's disk",
        StoreFault::ReadOnly => "let store.url name the primary: what answers is a replica, or read only",
        _ => "see the server's own log",
    }
}

const fn on_dynamodb(fault: StoreFault) -> &'static str {
    match fault {
        StoreFault::Region => "add region= to store.url, or set AWS_REGION",
        StoreFault::Credentials => {
            "give this machine a role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY that count"
        }
        StoreFault::Permission => "let the role use the table: docs/aws.md lists what it must be allowed",
        StoreFault::Busy => "wait, and run it again; the table's capacity may be too small",
        StoreFault::Foreign => {
            "let store.url name a table of Symbolon's, or one that `symbolon migrate up` is to make"
        }
        _ => "see that endpoint and region of store.url are right, and that no firewall or proxy is between",
    }
}
