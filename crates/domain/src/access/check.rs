//! Answers questions: looks up everybody in them at once, and asks the policies (P2, P3, P5).

use std::collections::{BTreeSet, HashMap};

use super::{
    Access, Action, Decision, DecisionRole, Denial, ItemKind, Limit, Party, PolicyFault, PolicyRequest,
    Question, Ruling, Who,
};
use crate::{accounts::Standing, actor::Actor, id::AccountId, store_error::StoreError};

/// Why there is no answer. It is never a "no".
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A policy could not be evaluated.
    #[error(transparent)]
    Policy(#[from] PolicyFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Access {
    /// So many questions are answered at once (P5).
    pub const MOST_AT_ONCE: usize = 100;

    /// May this actor do that with a private item of this owner (K10)? What another use case asks before it acts.
    ///
    /// # Errors
    /// There is no answer; see [`AccessError`].
    pub async fn allowed(
        &self,
        actor: Actor,
        action: Action,
        item: ItemKind,
        owner: AccountId,
    ) -> Result<Decision, AccessError> {
        self.check(&Question::of_private(actor.into(), action, item, owner)).await
    }

    /// Answers one question.
    ///
    /// # Errors
    /// There is no answer; see [`AccessError`].
    pub async fn check(&self, question: &Question) -> Result<Decision, AccessError> {
        let standings = self.look_up(std::slice::from_ref(question)).await?;
        self.decide(question, &standings)
    }

    /// Answers questions, in their order. Everybody in them is looked up by one read.
    ///
    /// # Errors
    /// There is no answer to any of them; see [`AccessError`].
    pub async fn check_all(&self, questions: &[Question]) -> Result<Vec<Decision>, AccessError> {
        let standings = self.look_up(questions).await?;
        questions.iter().map(|question| self.decide(question, &standings)).collect()
    }

    /// The limit of somebody, by the role that they have now; none where there is none (P6).
    ///
    /// # Errors
    /// The store failed.
    pub async fn limit(&self, who: Who, limit: &Limit) -> Result<Option<u64>, StoreError> {
        let standings = Standings::of(who.account().into_iter().collect(), &*self.ports.accounts).await?;
        let role = match standings.party(who) {
            Ok(party) => party.role,
            Err(_) => DecisionRole::Locked,
        };
        Ok(self.limits.of(role, limit))
    }

    async fn look_up(&self, questions: &[Question]) -> Result<Standings, StoreError> {
        let everybody = questions.iter().flat_map(|question| {
            let shared_with = question.effective_shared_with().iter().copied();
            question.who.account().into_iter().chain([question.owner]).chain(shared_with)
        });
        Standings::of(everybody.collect(), &*self.ports.accounts).await
    }

    fn decide(&self, question: &Question, standings: &Standings) -> Result<Decision, AccessError> {
        let who = match standings.party(question.who) {
            Ok(who) => who,
            Err(denial) => return Ok(Decision::denied(denial)),
        };
        let owner = standings.of_account(question.owner);
        let shared_with = question.effective_shared_with().iter().copied();
        let shared_with: Vec<AccountId> = shared_with.filter(|id| standings.is_active(*id)).collect();
        let ruling = self.ports.policy.judge(&PolicyRequest {
            who,
            action: question.action,
            item: &question.item,
            owner,
            visibility: question.effective_visibility(),
            shared_with: &shared_with,
        })?;
        Ok(decision(who, owner, ruling))
    }
}

/// No policy can permit what involves somebody who is not active (P3): the policies of an operator neither.
fn decision(who: Party, owner: Party, ruling: Ruling) -> Decision {
    let (ruled, policies) = match ruling {
        Ruling::Permitted(policies) => (None, policies),
        Ruling::Forbidden(policies) => (Some(Denial::Forbidden), policies),
        Ruling::NotPermitted => (Some(Denial::NotPermitted), Vec::new()),
    };
    let inactive = match (who.role, owner.role) {
        (DecisionRole::Locked, _) => Some(Denial::ActorNotActive),
        (_, DecisionRole::Locked) => Some(Denial::OwnerNotActive),
        _ => None,
    };
    match (inactive, ruled) {
        (None, denial) => Decision { denial, policies },
        // What would have permitted it has not decided.
        (Some(denial), None) => Decision::denied(denial),
        (Some(denial), Some(_)) => Decision { denial: Some(denial), policies },
    }
}

/// Those who are named in questions, as the store knows them.
struct Standings(HashMap<AccountId, Standing>);

impl Standings {
    async fn of(
        everybody: BTreeSet<AccountId>,
        accounts: &dyn crate::accounts::AccountStore,
    ) -> Result<Self, StoreError> {
        if everybody.is_empty() {
            return Ok(Self(HashMap::new()));
        }
        let everybody: Vec<AccountId> = everybody.into_iter().collect();
        accounts.standings(&everybody).await.map(|found| Self(found.into_iter().collect()))
    }

    /// Who asks, as what they ask.
    fn party(&self, who: Who) -> Result<Party, Denial> {
        let party = match who {
            Who::Anonymous => Party { account: None, role: DecisionRole::Anonymous },
            Who::Locked => Party { account: None, role: DecisionRole::Locked },
            Who::Operator => Party { account: None, role: DecisionRole::Superuser },
            Who::Account(id) => self.of_account(id),
            Who::AccountWithRole(id, believed) => {
                let party = self.of_account(id);
                // That somebody is not active says more than that they have another role.
                if party.role != believed && party.role != DecisionRole::Locked {
                    return Err(Denial::RoleDiffers);
                }
                party
            }
        };
        Ok(party)
    }

    fn of_account(&self, id: AccountId) -> Party {
        let active = self.0.get(&id).filter(|standing| standing.state.may_sign_in());
        let role = active.map_or(DecisionRole::Locked, |standing| standing.role.into());
        Party { account: Some(id), role }
    }

    fn is_active(&self, id: AccountId) -> bool {
        self.of_account(id).role != DecisionRole::Locked
    }
}
