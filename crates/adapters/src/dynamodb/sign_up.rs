//! Sign-ups in DynamoDB. The item of an address counts the verifications of that address: a sign-up that was begun
//! under an earlier count is over, however many there are.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use symbolon_domain::{
    accounts::Name,
    actor::Role,
    id::CeremonyId,
    identifiers::EmailAddress,
    one_time_codes::SlotOwner,
    sign_up::{BeginSignUpError, CompleteSignUp, CompleteSignUpError, NewSignUp, PendingSignUp, SignUpStore},
    store_error::StoreError,
};

use super::{
    DynamoStore,
    accounts::{self, NewAccount},
    effects,
    expressions::unchanged,
    items::{Found, Item, number, text},
    keys, one_time_codes, sessions,
    slots::Slots,
    transaction::{Transaction, Turn},
};

/// What a ceremony's `kind` says of a sign-up.
const KIND: &str = "sign_up";

#[async_trait]
impl SignUpStore for DynamoStore {
    async fn is_taken(&self, address: &EmailAddress) -> Result<bool, StoreError> {
        Ok(self.owner_of(address).await?.is_some())
    }

    async fn begin(&self, command: NewSignUp) -> Result<(), BeginSignUpError> {
        let SlotOwner { kind, key } = command.limit.owner;
        self.settle(&keys::slot(kind, key, 0), || begin(self, &command)).await?
    }

    async fn find(&self, id: CeremonyId) -> Result<Option<PendingSignUp>, StoreError> {
        let Some(sign_up) = find(self, id).await? else { return Ok(None) };
        let address = address(&sign_up)?;
        if self.sign_up_epoch(&address).await? != epoch(&sign_up)? {
            return Ok(None);
        }
        Ok(Some(PendingSignUp { address, decoy: sign_up.flag("ceremonies.decoy")? }))
    }

    async fn complete(&self, command: CompleteSignUp) -> Result<(), CompleteSignUpError> {
        self.settle(&keys::ceremony(command.id), || complete(self, &command)).await?
    }
}

impl DynamoStore {
    /// How often this address was verified.
    pub(super) async fn sign_up_epoch(&self, address: &EmailAddress) -> Result<u64, StoreError> {
        match self.get(keys::email(address)).await? {
            Some(email) => email.number("emails.sign_up_epoch"),
            None => Ok(0),
        }
    }
}

async fn find(store: &DynamoStore, id: CeremonyId) -> Result<Option<Found>, StoreError> {
    let Some(ceremony) = store.get(keys::ceremony(id)).await? else { return Ok(None) };
    let is_sign_up = ceremony.text("ceremonies.kind")? == KIND;
    Ok(is_sign_up.then_some(ceremony))
}

fn address(sign_up: &Found) -> Result<EmailAddress, StoreError> {
    sign_up.parsed("ceremonies.typed", |typed| typed.parse().ok())
}

fn epoch(sign_up: &Found) -> Result<u64, StoreError> {
    sign_up.number("ceremonies.sign_up_epoch")
}

async fn begin(store: &DynamoStore, command: &NewSignUp) -> Turn<Result<(), BeginSignUpError>> {
    let NewSignUp { id, address, limit, created_at, expires_at, .. } = command;
    let mut transaction = Transaction::default();
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    let times = (*created_at, *created_at + limit.window);
    if let Err(until) = slots.take(store, &mut transaction, id.as_bytes(), times).await? {
        return Ok(Some(Err(BeginSignUpError::TooMany(until))));
    }
    let epoch = store.sign_up_epoch(address).await?;
    let ceremony =
        one_time_codes::new_ceremony(*id, (*created_at, *expires_at), &command.code, &command.failures_of)
            .with("kind", text(KIND))
            .with("typed", text(address.as_typed()))
            .with("sign_up_epoch", number(epoch))
            .with_some("name", command.name.as_ref().map(|name| text(name.as_str())))
            .with("password", text(command.password.as_phc()))
            .with("decoy", AttributeValue::Bool(command.decoy));
    transaction.create(ceremony);
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Ok(())))
}

async fn complete(store: &DynamoStore, command: &CompleteSignUp) -> Turn<Result<(), CompleteSignUpError>> {
    let CompleteSignUp { id, code, failures_of, account_id, session, now, .. } = command;
    let gone = Ok(Some(Err(CompleteSignUpError::Gone)));
    let Some(sign_up) = find(store, *id).await? else { return gone };
    // No code opens a decoy.
    if sign_up.flag("ceremonies.decoy")? || !one_time_codes::stands(&sign_up, code, *now)? {
        return gone;
    }
    let address = address(&sign_up)?;
    let epoch = epoch(&sign_up)?;
    let email = store.get(keys::email(&address)).await?;
    let (present_epoch, owner) = match &email {
        Some(email) => (email.number("emails.sign_up_epoch")?, email.optional_id("emails.account_id")?),
        None => (0, None),
    };
    if present_epoch != epoch {
        return gone;
    }
    if owner.is_some() {
        return Ok(Some(Err(CompleteSignUpError::AddressTaken)));
    }
    let mut transaction = Transaction::default();
    one_time_codes::consume(store, &mut transaction, *id, code, failures_of).await?;
    let taken = Item::new(keys::email(&address))
        .with("account_id", text(account_id.to_string()))
        .with("sign_up_epoch", number(epoch.saturating_add(1)));
    let counted = email.as_ref().map(|_| number(epoch));
    transaction.put_if(taken, unchanged("account_id", None).and(unchanged("sign_up_epoch", counted)));
    // The account is made of this very sign-up, whatever else was begun for its address (S1).
    let name = sign_up.optional_parsed("ceremonies.name", Name::from_stored)?;
    let account = NewAccount {
        id: *account_id,
        identifier_id: command.identifier_id,
        address: &address,
        name: name.as_ref().map(Name::as_str),
        role: Role::Authenticated,
        password: sign_up.text("ceremonies.password")?,
        now: *now,
    };
    accounts::insert(&mut transaction, &account);
    transaction.delete(keys::throttle(command.throttle));
    sessions::insert(&mut transaction, session, *account_id, 0);
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Ok(())))
}
