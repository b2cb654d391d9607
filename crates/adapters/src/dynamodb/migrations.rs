//! The table: whether it is there and of which schema, and the way to the newest. The item `schema` in the table counts
//! the migrations that it has seen, and says which programs can still run on it.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
    },
};
use tokio::time::sleep;

use super::{
    DynamoOptions, OpenError, client,
    items::{self, Found, Item, number},
    keys,
};
use crate::schema::{Migration, SchemaStatus};

/// Every step, in order.
pub const ALL: [Migration; 1] = [Migration {
    version: 1,
    name: "foundation",
    text: "CreateTable: partition key pk (S), sort key sk (S), on demand
  GlobalSecondaryIndex due: partition key queue (N), sort key next_attempt_at (N), projects created_at
UpdateTimeToLive: attribute ttl
",
}];

/// The schema of this program.
pub const LATEST: u32 = 1;

/// The index of pending messages by the moment when a worker may take them.
pub(super) const DUE_INDEX: &str = "due";

/// A new table is looked at so often, and so far apart, until it is active.
const MOST_LOOKS: u32 = 240;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// Looks at a table and changes nothing.
///
/// # Errors
/// It is not ours, newer than this program, or cannot be reached.
pub async fn status(options: &DynamoOptions) -> Result<SchemaStatus, OpenError> {
    let current = inspect(&client(options).await, &options.table).await?;
    Ok(SchemaStatus { current, pending: pending(current.unwrap_or(0)) })
}

/// Makes the table where there is none, and brings an existing one up to date. Gives back the steps that it took. Any
/// number of nodes may do so at once.
///
/// # Errors
/// The table is not ours, newer than this program, or cannot be reached; or the engine takes too long to make it.
pub async fn up(options: &DynamoOptions) -> Result<Vec<Migration>, OpenError> {
    let client = client(options).await;
    let current = inspect(&client, &options.table).await?;
    let pending = pending(current.unwrap_or(0));
    for migration in &pending {
        match migration.version {
            1 => foundation(&client, &options.table).await?,
            _ => continue,
        }
        record(&client, &options.table, migration.version).await?;
    }
    Ok(pending)
}

/// The table can be used as it is.
pub(super) async fn require_current(client: &Client, table: &str) -> Result<(), OpenError> {
    match inspect(client, table).await? {
        None => Err(OpenError::Missing(table.to_owned())),
        Some(found) if found < LATEST => {
            Err(OpenError::Outdated { table: table.to_owned(), found, known: LATEST })
        }
        Some(_) => Ok(()),
    }
}

/// The table's schema; none where there is no table.
async fn inspect(client: &Client, table: &str) -> Result<Option<u32>, OpenError> {
    let Some(description) = describe(client, table).await? else { return Ok(None) };
    if !is_ours(&description) {
        return Err(OpenError::Foreign(table.to_owned()));
    }
    if description.table_status() != Some(&TableStatus::Active) {
        return Ok(Some(0));
    }
    let call = client.get_item().table_name(table).set_key(Some(items::key(keys::schema())));
    let answer = call.consistent_read(true).send().await;
    let Some(schema) = answer.map_err(|error| OpenError::unreachable(table, error))?.item else {
        return Ok(Some(0));
    };
    let schema = Found(schema);
    let read = |name| schema.number::<u32>(name).map_err(|error| OpenError::store(table, error));
    let (found, runs_with) = (read("schema.version")?, read("schema.runs_with")?);
    if runs_with > LATEST {
        return Err(OpenError::Newer { table: table.to_owned(), found, known: LATEST });
    }
    Ok(Some(found))
}

async fn describe(client: &Client, table: &str) -> Result<Option<TableDescription>, OpenError> {
    match client.describe_table().table_name(table).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error)
            if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) =>
        {
            Ok(None)
        }
        Err(error) => Err(OpenError::unreachable(table, error)),
    }
}

fn is_ours(table: &TableDescription) -> bool {
    let keys: Vec<(&str, &KeyType)> =
        table.key_schema().iter().map(|key| (key.attribute_name(), key.key_type())).collect();
    let has_index =
        table.global_secondary_indexes().iter().any(|index| index.index_name() == Some(DUE_INDEX));
    keys == [("pk", &KeyType::Hash), ("sk", &KeyType::Range)] && has_index
}

async fn foundation(client: &Client, table: &str) -> Result<(), OpenError> {
    if describe(client, table).await?.is_none() {
        create(client, table).await?;
    }
    wait_until_active(client, table).await?;
    expire(client, table).await
}

async fn create(client: &Client, table: &str) -> Result<(), OpenError> {
    let unreachable = |error| OpenError::unreachable(table, error);
    let attribute = |name, kind| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().map_err(unreachable)
    };
    let key = |name, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(unreachable)
    };
    let projection =
        Projection::builder().projection_type(ProjectionType::Include).non_key_attributes("created_at");
    let due = GlobalSecondaryIndex::builder()
        .index_name(DUE_INDEX)
        .key_schema(key("queue", KeyType::Hash)?)
        .key_schema(key("next_attempt_at", KeyType::Range)?)
        .projection(projection.build());
    let call = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("sk", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("queue", ScalarAttributeType::N)?)
        .attribute_definitions(attribute("next_attempt_at", ScalarAttributeType::N)?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .global_secondary_indexes(due.build().map_err(unreachable)?);
    match call.send().await {
        // Another node was quicker.
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => {
            Ok(())
        }
        made => made.map(drop).map_err(|error| OpenError::unreachable(table, error)),
    }
}

async fn wait_until_active(client: &Client, table: &str) -> Result<(), OpenError> {
    for _ in 0..MOST_LOOKS {
        let found = describe(client, table).await?;
        if found.is_some_and(|found| found.table_status() == Some(&TableStatus::Active)) {
            return Ok(());
        }
        sleep(BETWEEN_LOOKS).await;
    }
    Err(OpenError::NotActive(table.to_owned()))
}

/// Lets the engine delete what has expired, in its own time.
async fn expire(client: &Client, table: &str) -> Result<(), OpenError> {
    let answer = client.describe_time_to_live().table_name(table).send().await;
    let answer = answer.map_err(|error| OpenError::unreachable(table, error))?;
    if answer.time_to_live_description().and_then(|found| found.attribute_name()) == Some("ttl") {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build();
    let specification = specification.map_err(|error| OpenError::unreachable(table, error))?;
    let call = client.update_time_to_live().table_name(table).time_to_live_specification(specification);
    match call.send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            // Another node was quicker; the engine takes one such change an hour.
            let again = client.describe_time_to_live().table_name(table).send().await;
            let again = again.map_err(|error| OpenError::unreachable(table, error))?;
            match again.time_to_live_description().and_then(|found| found.attribute_name()) {
                Some("ttl") => Ok(()),
                _ => Err(OpenError::unreachable(table, error)),
            }
        }
    }
}

/// Counts a migration. Programs of that schema and later can run on the table.
async fn record(client: &Client, table: &str, version: u32) -> Result<(), OpenError> {
    let item = Item::new(keys::schema()).with("version", number(version)).with("runs_with", number(1));
    let call = client.put_item().table_name(table).set_item(Some(item.into_attributes()));
    let is_newer = call
        .condition_expression("attribute_not_exists(pk) OR version < :version")
        .expression_attribute_values(":version", number(version));
    match is_newer.send().await {
        // Another node has brought it as far, or further.
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
        {
            Ok(())
        }
        written => written.map(drop).map_err(|error| OpenError::unreachable(table, error)),
    }
}

fn pending(version: u32) -> Vec<Migration> {
    ALL.into_iter().filter(|migration| migration.version > version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_to_the_latest() {
        let versions: Vec<u32> = ALL.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=LATEST).collect::<Vec<_>>());
    }
}
