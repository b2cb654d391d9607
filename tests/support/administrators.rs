//! Administrators for tests: made by the operator, as the first one always is.

use symbolon_domain::{
    accounts::{AccountChange, Administrator},
    actor::{Origin, Role},
    id::RequestId,
};

use super::{TestApp, user::SignedIn};

impl TestApp {
    /// An operator at the command line.
    pub(crate) fn operator(&self) -> Origin {
        let request_id = RequestId::new(self.clock_now(), &*self.service.entropy);
        Origin { request_id, ip: None, user_agent: None }
    }

    /// What an operator does to this account.
    pub(crate) async fn operate(&self, account_id: &str, change: AccountChange) {
        let id = account_id.parse().unwrap();
        let origin = self.operator();
        self.service.accounts.administer(Administrator::Operator, id, change, &origin).await.unwrap();
        // The notice of it arrives before whatever the test asks for next: messages due at once go in no order.
        self.deliver_all().await;
    }

    /// Somebody with this role, signed in.
    pub(crate) async fn signed_in_as(&self, address: &str, role: Role) -> SignedIn<'_> {
        let signed_up = self.user(address).sign_up().await;
        if role == Role::Authenticated {
            return signed_up;
        }
        self.operate(&signed_up.account_id, AccountChange::ChangeRole(role)).await;
        self.user(address).sign_in().await
    }
}
