//! What a question of access is made of, and its answer.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use crate::{
    actor::{Actor, Role},
    id::AccountId,
};

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $type {
            /// All of them, in the order of rule P1.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name in questions, policies and answers.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The one of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

names! {
    /// As what somebody asks (P1): an account's role, or that there is no account, or none that may be used.
    DecisionRole {
        /// May everything.
        Superuser = "superuser",
        /// Administers what is not a superuser's.
        Staff = "staff",
        /// A signed-in person.
        Authenticated = "authenticated",
        /// Nobody who has proved anything.
        Anonymous = "anonymous",
        /// An account that is locked, compromised or not there: it may nothing (P3).
        Locked = "locked",
    }
}

names! {
    /// What is to be done with an item (P1).
    Action {
        /// See that it is there.
        List = "list",
        /// See what is in it.
        View = "view",
        /// Make one.
        Create = "create",
        /// Change it.
        Edit = "edit",
        /// Take it away; for a session or an API key: revoke it.
        Delete = "delete",
        /// Change who may see it.
        ChangeVisibility = "change_visibility",
        /// Give it to somebody else.
        ChangeOwner = "change_owner",
    }
}

names! {
    /// Who may see an item besides its owner (P1).
    Visibility {
        /// Everybody.
        Public = "public",
        /// Everybody who knows where it is.
        Unlisted = "unlisted",
        /// Nobody.
        Private = "private",
        /// Those it is shared with.
        Shared = "shared",
    }
}

impl From<Role> for DecisionRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Superuser => Self::Superuser,
            Role::Staff => Self::Staff,
            Role::Authenticated => Self::Authenticated,
        }
    }
}

/// Whether items of a kind can be shown to others at all (P2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemClass {
    /// Their visibility decides.
    Shareable,
    /// They are private always, whatever a question says of their visibility.
    Private,
}

/// A kind of item, as `object` or `api_key` (P1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKind {
    name: Cow<'static, str>,
    class: ItemClass,
}

impl ItemKind {
    /// An account.
    pub const ACCOUNT: Self = Self::private("account");
    /// A session.
    pub const SESSION: Self = Self::private("session");
    /// An API key.
    pub const API_KEY: Self = Self::private("api_key");
    /// A preference.
    pub const PREFERENCE: Self = Self::private("preference");

    /// The kinds that this service keeps itself: they are always there, and always private.
    pub const OWN: [Self; 4] = [Self::ACCOUNT, Self::SESSION, Self::API_KEY, Self::PREFERENCE];

    /// The longest name in bytes.
    pub const MAX_LENGTH: usize = 64;

    const fn private(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), class: ItemClass::Private }
    }

    /// Its name in questions, policies and answers.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether such items can be shown to others.
    #[must_use]
    pub const fn class(&self) -> ItemClass {
        self.class
    }
}

/// A kind of item cannot be configured so.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidItem {
    /// The name is not one.
    #[error(
        "`{0}` is no name of an item: lower-case letters, digits and `_` are allowed, a letter first, 64 at most"
    )]
    Name(String),
    /// The kind is this service's own.
    #[error("`{0}` is private always")]
    AlwaysPrivate(String),
    /// The kind is named as one whose visibility decides, and as one that is private always.
    #[error("`{0}` is named as both")]
    Both(String),
}

/// The kinds of items that may be asked about (P1): this service's own, and what the operator's services keep.
#[derive(Clone, Debug)]
pub struct Items(BTreeMap<String, ItemKind>);

impl Items {
    /// This service's own kinds and these.
    ///
    /// # Errors
    /// Every one that cannot be.
    pub fn new(configured: impl IntoIterator<Item = (String, ItemClass)>) -> Result<Self, Vec<InvalidItem>> {
        let own = ItemKind::OWN.into_iter().map(|kind| (kind.as_str().to_owned(), kind));
        let mut items: BTreeMap<String, ItemKind> = own.collect();
        let mut errors = Vec::new();
        for (name, class) in configured {
            if !is_name(&name) {
                errors.push(InvalidItem::Name(name));
                continue;
            }
            match items.get(&name) {
                Some(known) if known.class == class => {}
                Some(known) if ItemKind::OWN.contains(known) => errors.push(InvalidItem::AlwaysPrivate(name)),
                Some(_) => errors.push(InvalidItem::Both(name)),
                None => {
                    items.insert(name.clone(), ItemKind { name: Cow::Owned(name), class });
                }
            }
        }
        if errors.is_empty() { Ok(Self(items)) } else { Err(errors) }
    }

    /// The kind of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&ItemKind> {
        self.0.get(name)
    }

    /// All kinds, by name.
    pub fn iter(&self) -> impl Iterator<Item = &ItemKind> {
        self.0.values()
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= ItemKind::MAX_LENGTH
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whom a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Nobody who has proved anything.
    Anonymous,
    /// Somebody who may nothing, whoever it is.
    Locked,
    /// This account, with the role that the store says.
    Account(AccountId),
    /// This account, which somebody believes to have this role: with another one it may nothing.
    AccountWithRole(AccountId, DecisionRole),
    /// An operator at the command line, or the service itself: as a superuser.
    Operator,
}

impl Who {
    /// Their account, where they have one.
    #[must_use]
    pub const fn account(self) -> Option<AccountId> {
        match self {
            Self::Account(id) | Self::AccountWithRole(id, _) => Some(id),
            Self::Anonymous | Self::Locked | Self::Operator => None,
        }
    }
}

impl From<Actor> for Who {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::Anonymous => Self::Anonymous,
            Actor::Account(id) => Self::Account(id),
            Actor::Operator | Actor::System => Self::Operator,
        }
    }
}

/// May they do this with that (P2)?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who.
    pub who: Who,
    /// What they would do.
    pub action: Action,
    /// With what.
    pub item: ItemKind,
    /// Whose it is, or would be.
    pub owner: AccountId,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whom it is shared with; counts while it is [`Visibility::Shared`].
    pub shared_with: Vec<AccountId>,
}

impl Question {
    /// So many accounts may an item be shared with.
    pub const MOST_SHARED_WITH: usize = 1_000;

    /// About something private.
    #[must_use]
    pub const fn of_private(who: Who, action: Action, item: ItemKind, owner: AccountId) -> Self {
        Self { who, action, item, owner, visibility: Visibility::Private, shared_with: Vec::new() }
    }

    /// The visibility that counts: some kinds are private always (P2).
    #[must_use]
    pub const fn effective_visibility(&self) -> Visibility {
        match self.item.class {
            ItemClass::Private => Visibility::Private,
            ItemClass::Shareable => self.visibility,
        }
    }

    /// Whom it is shared with, as far as that counts.
    pub(super) fn effective_shared_with(&self) -> &[AccountId] {
        match self.effective_visibility() {
            Visibility::Shared => &self.shared_with,
            Visibility::Public | Visibility::Unlisted | Visibility::Private => &[],
        }
    }
}

/// What a policy is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(Arc<str>);

impl PolicyId {
    /// Of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why the answer is no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Denial {
    /// Who asks is locked, compromised or not there (P3).
    ActorNotActive,
    /// Who asks has another role than was said.
    RoleDiffers,
    /// The owner is locked, compromised or not there (P3).
    OwnerNotActive,
    /// A policy forbids it.
    Forbidden,
    /// No policy permits it.
    NotPermitted,
}

impl Denial {
    /// Its slug in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActorNotActive => "actor_not_active",
            Self::RoleDiffers => "role_differs",
            Self::OwnerNotActive => "owner_not_active",
            Self::Forbidden => "forbidden",
            Self::NotPermitted => "not_permitted",
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// None: it is allowed.
    pub denial: Option<Denial>,
    /// The policies that permit or forbid it, by name; none where none does.
    pub policies: Vec<PolicyId>,
}

impl Decision {
    /// May they?
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        self.denial.is_none()
    }

    pub(super) const fn denied(denial: Denial) -> Self {
        Self { denial: Some(denial), policies: Vec::new() }
    }
}
