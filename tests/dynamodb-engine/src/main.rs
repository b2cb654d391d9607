//! An in-memory DynamoDB on a free loopback port. It prints the port, serves, and ends when its standard input closes, so
//! that it cannot outlive whoever started it. Nothing here is shipped.

use std::{
    error::Error,
    io::{self, Read as _, Write as _},
    net::Ipv4Addr,
    process, thread,
};

use dynoxide::{Database, server};
use tokio::{net::TcpListener, runtime::Runtime};

fn main() -> Result<(), Box<dyn Error>> {
    let database = Database::memory()?;
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        io::stdout().flush()?;
        thread::spawn(|| {
            let mut ignored = Vec::new();
            drop(io::stdin().read_to_end(&mut ignored));
            process::exit(0);
        });
        server::serve_on(listener, database).await;
        Ok(())
    })
}
