//! A service on ports that agree to everything, or are all out of order: what the HTTP face makes of use cases can be
//! seen without a store. What the use cases themselves do is tested elsewhere.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::zeroize::Zeroizing;
use symbolon_domain::{
    access::{Access, AccessPorts, Items, Limits},
    accounts::{AccountPorts, AccountState, Accounts, Standing},
    actor::Role,
    audit::{Audit, Refusals},
    clock::{Clock, Timestamp},
    entropy::Entropy,
    id::{AccountId, IdentifierId, SigningKeyId},
    identifiers::{EmailAddress, Identifier},
    invitations::{InvitationPorts, InvitationSettings, Invitations},
    one_time_codes::{OneTimeCodeSettings, OneTimeCodes},
    outbox::{Outbox, OutboxPorts, OutboxSettings},
    passwords::{
        HashError, Password, PasswordHash, PasswordHasher, PasswordPolicy, PasswordPorts, PasswordUse,
        PasswordVerdict, Passwords,
    },
    pii::PiiHasher,
    recovery::{Recovery, RecoveryPorts},
    sealing::{PepperStore, Peppers, SealError, SealedBytes, SealedFor, Sealer},
    sessions::{
        AuthenticationMethod, BindingPolicy, Session, SessionPorts, SessionSettings, SessionTokens, Sessions,
    },
    sign_in::{SignIn, SignInPorts, SignInSettings},
    sign_up::{SignUp, SignUpPorts, SignUpSettings},
    signing_keys::{
        GeneratedKey, JwtType, KeyError, KeySchedule, OpenedKey, SignError, SigningAlgorithm,
        SigningKeyPorts, SigningKeySettings, SigningKeys, TokenFault, TokenKeys,
    },
    store_error::StoreError,
};

use crate::{Api, HttpSettings, Metrics, UseCases};

mod api_keys;
pub(crate) mod authorizer;
pub(crate) mod device_tokens;
mod stores;

pub(crate) const PASSWORD: &str = "seven lanterns over the harbour";
pub(crate) const CODE: &str = "123456";
const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const NOW: i64 = 1_770_000_000;

/// Every port at once.
pub(crate) struct World {
    pub(crate) out_of_order: AtomicBool,
    /// Bytes that were drawn so far.
    drawn: AtomicU64,
    peppers: Mutex<Option<Peppers>>,
    /// The session that was opened last.
    session: Mutex<Option<Session>>,
    /// The device token that was claimed last.
    device_token: Mutex<Option<symbolon_domain::device_tokens::DeviceToken>>,
}

impl World {
    pub(crate) async fn api(settings: HttpSettings) -> (Arc<Self>, Arc<Api>) {
        let world = Arc::new(Self {
            out_of_order: AtomicBool::new(false),
            drawn: AtomicU64::new(0),
            peppers: Mutex::new(None),
            session: Mutex::new(None),
            device_token: Mutex::new(None),
        });
        let use_cases = world.use_cases().await;
        (Arc::clone(&world), Api::new(use_cases, settings, Metrics::new(Vec::new())))
    }

    async fn use_cases(self: &Arc<Self>) -> UseCases {
        let clock: Arc<dyn Clock> = Arc::<Self>::clone(self);
        let entropy: Arc<dyn Entropy> = Arc::<Self>::clone(self);
        let hasher: Arc<dyn PasswordHasher> = Arc::<Self>::clone(self);
        let sealer: Arc<dyn Sealer> = Arc::<Self>::clone(self);
        let peppers = Peppers::load(&**self, &sealer, &*entropy).await.unwrap();
        *self.peppers.lock().unwrap() = Some(peppers.clone());
        let (sessions, outbox, codes) = (self.sessions(), self.outbox(), self.codes(&peppers));
        let sign_up = SignUpPorts {
            store: Arc::<Self>::clone(self),
            policy: PasswordPolicy::new(PasswordUse::WithSecondFactor, 8, Vec::new(), Arc::clone(&hasher)),
            hasher: Arc::clone(&hasher),
            codes: codes.clone(),
            sessions: sessions.clone(),
            outbox: outbox.clone(),
            peppers: peppers.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let sign_in = SignInPorts {
            store: Arc::<Self>::clone(self),
            hasher,
            codes,
            sessions: sessions.clone(),
            outbox: outbox.clone(),
            peppers,
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let refusals = Refusals::new(Arc::<Self>::clone(self), Arc::clone(&clock), Arc::clone(&entropy));
        let (lifetime, pre_authorized_lifetime) = (HOUR, Duration::from_secs(600));
        let limits = SignInSettings { pre_authorized_lifetime, lock_after: 10, lock_for: HOUR };
        let sign_in = SignIn::new(sign_in, limits);
        let passwords = self.passwords(&sign_up, sign_in.clone());
        let recovery = self.recovery(&sign_up);
        UseCases {
            api_keys: self.api_keys(refusals.clone()),
            device_tokens: self.device_tokens(&sign_up, &refusals),
            trusted_issuers: self.trusted_issuers(),
            access: self.access(&refusals),
            authorizer: self.authorizer(&sign_up, &refusals),
            accounts: self.accounts(&sign_up, &refusals),
            invitations: self.invitations(&sign_up, refusals.clone()),
            refusals,
            audit: Audit::new(Arc::<Self>::clone(self)),
            sign_up: SignUp::new(sign_up, SignUpSettings { lifetime, pre_authorized_lifetime }),
            sign_in,
            recovery,
            passwords,
            sessions,
            outbox,
            signing_keys: self.signing_keys(),
            keys: Arc::<Self>::clone(self),
            clock,
            entropy,
            pii: PiiHasher::new(b"salt"),
        }
    }

    fn accounts(self: &Arc<Self>, sign_up: &SignUpPorts, refusals: &Refusals) -> Accounts {
        Accounts::new(AccountPorts {
            revocations: self.revocations(),
            store: Arc::<Self>::clone(self),
            refusals: refusals.clone(),
            outbox: sign_up.outbox.clone(),
            peppers: sign_up.peppers.clone(),
            clock: Arc::clone(&sign_up.clock),
            entropy: Arc::clone(&sign_up.entropy),
        })
    }

    fn signing_keys(self: &Arc<Self>) -> SigningKeys {
        let ports = SigningKeyPorts {
            store: Arc::<Self>::clone(self),
            sealer: Arc::<Self>::clone(self),
            tokens: Arc::<Self>::clone(self),
            clock: Arc::<Self>::clone(self),
            entropy: Arc::<Self>::clone(self),
        };
        let schedule = KeySchedule {
            rotate_every: Duration::from_secs(7_776_000),
            publish_before: Duration::from_secs(86_400),
            longest_token_life: Duration::from_secs(900),
        };
        SigningKeys::new(ports, SigningKeySettings { algorithm: SigningAlgorithm::Es256, schedule })
    }

    fn access(self: &Arc<Self>, refusals: &Refusals) -> Access {
        let accounts = Arc::<Self>::clone(self);
        let ports = AccessPorts { accounts, policy: Arc::<Self>::clone(self), refusals: refusals.clone() };
        Access::new(ports, Items::new([]).unwrap(), Limits::default())
    }

    fn recovery(self: &Arc<Self>, sign_up: &SignUpPorts) -> Recovery {
        let (clock, entropy) = (Arc::clone(&sign_up.clock), Arc::clone(&sign_up.entropy));
        let ports = RecoveryPorts {
            revocations: self.revocations(),
            store: Arc::<Self>::clone(self),
            sign_ins: Arc::<Self>::clone(self),
            accounts: Arc::<Self>::clone(self),
            policy: sign_up.policy.clone(),
            hasher: Arc::clone(&sign_up.hasher),
            codes: sign_up.codes.clone(),
            outbox: sign_up.outbox.clone(),
            peppers: sign_up.peppers.clone(),
            refusals: Refusals::new(Arc::<Self>::clone(self), Arc::clone(&clock), Arc::clone(&entropy)),
            clock,
            entropy,
        };
        Recovery::new(ports, Some("https://auth.example.org/recovery"))
    }

    fn passwords(self: &Arc<Self>, sign_up: &SignUpPorts, sign_in: SignIn) -> Passwords {
        Passwords::new(PasswordPorts {
            revocations: self.revocations(),
            store: Arc::<Self>::clone(self),
            accounts: Arc::<Self>::clone(self),
            sign_in,
            policy: sign_up.policy.clone(),
            hasher: Arc::clone(&sign_up.hasher),
            outbox: sign_up.outbox.clone(),
            clock: Arc::clone(&sign_up.clock),
            entropy: Arc::clone(&sign_up.entropy),
        })
    }

    fn invitations(self: &Arc<Self>, sign_up: &SignUpPorts, refusals: Refusals) -> Invitations {
        let ports = InvitationPorts {
            store: Arc::<Self>::clone(self),
            policy: sign_up.policy.clone(),
            hasher: Arc::clone(&sign_up.hasher),
            outbox: sign_up.outbox.clone(),
            refusals,
            peppers: sign_up.peppers.clone(),
            clock: Arc::clone(&sign_up.clock),
            entropy: Arc::clone(&sign_up.entropy),
        };
        Invitations::new(ports, InvitationSettings { lifetime: Invitations::LIFETIME, page: None })
    }

    fn sessions(self: &Arc<Self>) -> Sessions {
        let clock: Arc<dyn Clock> = Arc::<Self>::clone(self);
        let entropy: Arc<dyn Entropy> = Arc::<Self>::clone(self);
        let keys: Arc<dyn TokenKeys> = Arc::<Self>::clone(self);
        let ports = SessionPorts {
            revocations: self.revocations(),
            store: Arc::<Self>::clone(self),
            tokens: SessionTokens::new(keys, Arc::clone(&entropy), "https://auth.example.org"),
            refusals: Refusals::new(Arc::<Self>::clone(self), Arc::clone(&clock), Arc::clone(&entropy)),
            clock,
            entropy,
        };
        let settings = SessionSettings {
            access_lifetime: Duration::from_secs(900),
            idle: Duration::from_secs(1_296_000),
            absolute: Duration::from_secs(7_776_000),
            grace: Duration::from_secs(10),
            binding: BindingPolicy::Required,
            fresh_for: Duration::from_secs(600),
        };
        Sessions::new(ports, settings)
    }

    fn outbox(self: &Arc<Self>) -> Outbox {
        let ports = OutboxPorts {
            store: Arc::<Self>::clone(self),
            sealer: Arc::<Self>::clone(self),
            templates: Arc::<Self>::clone(self),
            email: Arc::<Self>::clone(self),
            clock: Arc::<Self>::clone(self),
            entropy: Arc::<Self>::clone(self),
        };
        Outbox::new(ports, OutboxSettings { lease: Duration::from_secs(60), batch: 16 })
    }

    fn codes(self: &Arc<Self>, peppers: &Peppers) -> OneTimeCodes {
        let settings = OneTimeCodeSettings {
            lifetime: Duration::from_secs(300),
            attempts: 5,
            resend_interval: Duration::from_secs(30),
            resends: 5,
            resend_window: Duration::from_secs(900),
            account_failures: 20,
            account_window: Duration::from_secs(86_400),
        };
        OneTimeCodes::new(Arc::<Self>::clone(self), peppers.clone(), Arc::<Self>::clone(self), settings)
    }

    fn works(&self) -> Result<(), StoreError> {
        if self.out_of_order.load(Ordering::Relaxed) {
            Err(StoreError::unavailable("disk full at /var/lib/secret/path"))
        } else {
            Ok(())
        }
    }

    fn opened(&self, account_id: AccountId, session: &symbolon_domain::sessions::NewSession) {
        *self.session.lock().unwrap() = Some(Session {
            id: session.id,
            account_id,
            binding: session.binding,
            methods: vec![AuthenticationMethod::Password],
            created_at: session.created_at,
            refreshed_at: session.created_at,
            idle_expires_at: session.refresh_token.expires_at,
            expires_at: session.expires_at,
            ip: session.ip,
            user_agent: session.user_agent.clone(),
            revoked_at: None,
            epoch: 0,
            account: standing(),
        });
    }
}

fn address() -> EmailAddress {
    "ada@example.org".parse().unwrap()
}

fn account_id() -> AccountId {
    AccountId::from_bytes([1; 16])
}

fn identifier() -> Identifier {
    Identifier {
        id: IdentifierId::from_bytes([2; 16]),
        address: address(),
        created_at: Timestamp::from_seconds(NOW),
        last_used_at: None,
    }
}

const fn standing() -> Standing {
    Standing { state: AccountState::Active, role: Role::Authenticated, epoch: 0 }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(NOW)
    }
}

impl Entropy for World {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = u8::try_from(self.drawn.fetch_add(1, Ordering::Relaxed) % 241).unwrap();
        }
    }
}

impl Sealer for World {
    fn seal(&self, _: SealedFor<'_>, plaintext: &[u8]) -> Result<SealedBytes, SealError> {
        Ok(SealedBytes::new(plaintext.to_vec()))
    }

    fn open(&self, _: SealedFor<'_>, sealed: &SealedBytes) -> Result<Zeroizing<Vec<u8>>, SealError> {
        Ok(Zeroizing::new(sealed.as_bytes().to_vec()))
    }

    fn is_current(&self, _: &SealedBytes) -> bool {
        true
    }
}

#[async_trait]
impl PepperStore for World {
    async fn get_or_insert(&self, _: &str, candidate: &SealedBytes) -> Result<SealedBytes, StoreError> {
        Ok(candidate.clone())
    }
}

/// Signatures that anybody could make.
impl TokenKeys for World {
    fn generate(&self, id: SigningKeyId, _: SigningAlgorithm) -> Result<GeneratedKey, KeyError> {
        Err(KeyError { id })
    }

    fn install(&self, _: Vec<OpenedKey>) -> Result<(), KeyError> {
        Ok(())
    }

    fn sign(&self, kind: JwtType, claims: &[u8], _: Timestamp) -> Result<String, SignError> {
        Ok(format!("{}.{}", kind.as_str(), URL_SAFE_NO_PAD.encode(claims)))
    }

    fn verify(&self, kind: JwtType, token: &str, _: Timestamp) -> Result<Vec<u8>, TokenFault> {
        let (shown, claims) = token.split_once('.').ok_or(TokenFault::Format)?;
        if shown != kind.as_str() {
            return Err(TokenFault::Type);
        }
        URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenFault::Format)
    }

    fn jwk_set(&self, _: Timestamp) -> String {
        r#"{"keys":[]}"#.to_owned()
    }
}

#[async_trait]
impl PasswordHasher for World {
    async fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        Ok(PasswordHash::from_phc("hash".to_owned()))
    }

    async fn verify(&self, password: &Password, _: &PasswordHash) -> Result<PasswordVerdict, HashError> {
        Ok(if password.reveal() == PASSWORD { PasswordVerdict::Right } else { PasswordVerdict::Wrong })
    }

    async fn verify_nothing(&self, password: &Password) -> Result<(), HashError> {
        if password.reveal() == "never" { std::future::pending().await } else { Ok(()) }
    }

    async fn strength(&self, _: &Password, _: &[String]) -> Result<u8, HashError> {
        Ok(4)
    }
}

/// A source that limits do not exempt.
pub(crate) const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
