//! The rotation of tokens that are used once (K8), as it is written: each token names its successor and its sibling, so
//! that none has to be searched for. Sessions and API keys have a kind of them each.

use symbolon_domain::{clock::Timestamp, rotation::TokenUse, store_error::StoreError};
use uuid::Uuid;

use super::{
    expressions::{Expression, unchanged},
    items::{Found, Item, number, text, time},
    keys::Key,
    transaction::Transaction,
};

/// One kind of tokens.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Where each is.
    pub(super) key: fn([u8; 16]) -> Key,
}

/// What has become of a token.
pub(super) struct Uses {
    kind: Kind,
    id: [u8; 16],
    retired_at: Option<Timestamp>,
    uses: u8,
    /// What its first use made.
    successor: Option<[u8; 16]>,
    /// What else the use made that made this one.
    sibling: Option<[u8; 16]>,
}

/// A token that begins a family.
pub(super) fn first(token: Item) -> Item {
    token.with("uses", number(0))
}

impl Uses {
    pub(super) fn read(kind: Kind, id: [u8; 16], token: &Found) -> Result<Self, StoreError> {
        Ok(Self {
            kind,
            id,
            retired_at: token.optional_time("tokens.retired_at")?,
            uses: token.number("tokens.uses")?,
            successor: token.optional_id("tokens.successor")?,
            sibling: token.optional_id("tokens.sibling")?,
        })
    }

    /// Where its first successor is, if it has one.
    pub(super) fn successor(&self) -> Option<Key> {
        self.successor.map(self.kind.key)
    }

    /// What the rule is asked about, with the successor as it was found.
    pub(super) fn judged(&self, successor: Option<&Found>) -> Result<TokenUse, StoreError> {
        let successor_is_live = match successor {
            Some(successor) => successor.optional_time("tokens.retired_at")?.is_none(),
            None => false,
        };
        match (self.retired_at, self.uses) {
            (None, 0) => Ok(TokenUse::Live),
            (Some(at), 0) => Ok(TokenUse::RetiredBySibling { at }),
            (Some(at), 1) => Ok(TokenUse::Rotated { at, successor_is_live }),
            (Some(at), 2) => Ok(TokenUse::RotatedTwice { at }),
            _ => Err(StoreError::corrupt("tokens.uses")),
        }
    }

    /// It is used from now on, and its sibling, if there is one, never will be.
    pub(super) fn retire(&self, transaction: &mut Transaction, successor: &[u8; 16], now: Timestamp) {
        let update = Expression::new("SET #retired_at = :now, #uses = :one, #successor = :successor")
            .value("now", time(now))
            .value("one", number(1))
            .value("successor", id(successor));
        transaction.update((self.kind.key)(self.id), update, self.is_unchanged());
        if let Some(sibling) = self.sibling {
            let update = Expression::new("SET #retired_at = :now").value("now", time(now));
            transaction.update((self.kind.key)(sibling), update, unchanged("retired_at", None));
        }
    }

    /// It makes a second successor, as long as the first one is live; the two are siblings.
    pub(super) fn use_again(&self, transaction: &mut Transaction, second: &[u8; 16]) {
        let update = Expression::new("SET #uses = :two").value("two", number(2));
        transaction.update((self.kind.key)(self.id), update, self.is_unchanged());
        if let Some(first) = self.successor {
            let update = Expression::new("SET #sibling = :sibling").value("sibling", id(second));
            let is_live = unchanged("retired_at", None).and(unchanged("sibling", None));
            transaction.update((self.kind.key)(first), update, is_live);
        }
    }

    /// A token that follows this one. One that is used again has its first successor, which is the sibling of the second.
    pub(super) fn succeeded_by(&self, token: Item) -> Item {
        first(token).with_some("sibling", self.successor.as_ref().map(id))
    }

    /// It has not been used since, nor retired, nor has it got a sibling.
    fn is_unchanged(&self) -> Expression {
        unchanged("uses", Some(number(self.uses)))
            .and(unchanged("retired_at", self.retired_at.map(time)))
            .and(unchanged("sibling", self.sibling.as_ref().map(id)))
    }
}

fn id(id: &[u8; 16]) -> aws_sdk_dynamodb::types::AttributeValue {
    text(Uuid::from_bytes(*id).to_string())
}
