//! The DynamoDB store, on a table of its own for each test.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use symbolon_adapters::dynamodb::{DynamoOptions, DynamoStore};
use symbolon_domain::{accounts::AccountState, id::AccountId};

use crate::{
    contract::{Backdoor, Stores, every_suite},
    support::{Table, engines::client},
};

mod capacity;
mod faults;
mod key_faults;

every_suite!(crate::backends::dynamodb::fresh);

/// A store that was empty when the test began, and is gone with it.
struct Fresh {
    stores: Stores,
    _table: Table,
}

async fn fresh() -> Fresh {
    let table = Table::migrated().await;
    let store = DynamoStore::connect(&table.options).await.unwrap();
    Fresh { stores: stores(&store, table.options.clone()), _table: table }
}

fn stores(store: &Arc<DynamoStore>, options: DynamoOptions) -> Stores {
    Stores {
        accounts: store.clone(),
        api_keys: store.clone(),
        licenses: store.clone(),
        device_tokens: store.clone(),
        invitations: store.clone(),
        sign_ups: store.clone(),
        sign_ins: store.clone(),
        codes: store.clone(),
        recoveries: store.clone(),
        passwords: store.clone(),
        sessions: store.clone(),
        signing_keys: store.clone(),
        outbox: store.clone(),
        audit: store.clone(),
        peppers: store.clone(),
        sealed: store.clone(),
        sweeper: store.clone(),
        backdoor: Arc::new(Beside(options)),
    }
}

/// Another client of the same table, as another process would have it.
struct Beside(DynamoOptions);

#[async_trait]
impl Backdoor for Beside {
    async fn set_state(&self, account: AccountId, state: AccountState) {
        let update = client(&self.0).await.update_item().table_name(&self.0.table);
        update
            .key("pk", AttributeValue::S(format!("account#{account}")))
            .key("sk", AttributeValue::S(".".to_owned()))
            .update_expression("SET #state = :state")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", AttributeValue::S(state.as_str().to_owned()))
            .send()
            .await
            .unwrap();
    }
}
