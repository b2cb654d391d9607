//! What a request says, read so that everything that is wrong with it is reported at once (A2).
//!
//! A body is one JSON object. Each member is taken by name; what is missing, of the wrong type or form, named twice,
//! or left over at the end is a fault with a JSON pointer. Text goes straight into a [`SecretString`]: whether it is
//! a secret is known only to who asked for it.

use std::{borrow::Cow, ops::RangeInclusive, sync::Arc};

use axum::extract::{FromRequest, Request};
use secrecy::{ExposeSecret as _, SecretString};

mod body;
mod form;
mod json;
mod nothing;
mod numbers;
mod parameters;

use self::json::{Members, Value};
pub(crate) use self::{
    body::{ReadingBody, collect},
    form::Form,
    nothing::{Nothing, QueryOnly},
    parameters::Parameters,
};
use crate::{
    Api,
    problem::{FieldError, Place, Problem, ProblemType, Slug},
};

/// More faults than this are not listed.
const MOST_FAULTS: usize = 64;

/// A body that is read member by member.
pub(crate) trait FromFields: Sized {
    /// Whether no body at all stands for an empty object.
    const MAY_BE_ABSENT: bool = false;
    /// Whether the handler reads the query by itself. For all others there is no parameter that they know.
    const HAS_QUERY: bool = false;

    /// Takes every member it knows; none when a fault was found on the way.
    fn read(fields: &mut Fields, api: &Api) -> Option<Self>;
}

/// Extracts a [`FromFields`] from a request's body. One that changes something and has no body has one of [`Nothing`].
pub(crate) struct Body<T>(pub(crate) T);

impl<T: FromFields> FromRequest<Arc<Api>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Problem> {
        let strays = if T::HAS_QUERY { Vec::new() } else { Parameters::of(request.uri()).faults() };
        let members = match body::read(request, api.settings.body_limit).await? {
            None if T::MAY_BE_ABSENT => Members::default(),
            None => return Err(Problem::at("", Fault::new(Slug::Missing, "a JSON object is required"))),
            Some(bytes) => json::parse(&bytes)?,
        };
        let mut fields = Fields::new(members);
        let value = T::read(&mut fields, api);
        fields.take_errors(strays);
        fields.finish(value).map(Self)
    }
}

impl<T> Body<T> {
    /// The body of a question about a token; none where it is malformed, which is a token that does not count. A parameter
    /// that is not known says nothing about the token.
    pub(crate) fn shown(body: Result<Self, Problem>) -> Result<Option<T>, Problem> {
        match body {
            Ok(Self(body)) => Ok(Some(body)),
            Err(problem) if problem.kind() == ProblemType::InvalidRequest && !problem.is_of_query() => {
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }
}

/// What is wrong with one value.
#[derive(Debug)]
pub(crate) struct Fault {
    slug: Slug,
    detail: Cow<'static, str>,
}

impl Fault {
    /// A fault of this kind.
    pub(crate) fn new(slug: Slug, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { slug, detail: detail.into() }
    }

    /// The same, of this part of the request.
    pub(crate) fn at(self, place: Place) -> FieldError {
        FieldError { slug: self.slug, place, detail: self.detail }
    }
}

/// The members of an object that are still to be read, and the faults found so far.
pub(crate) struct Fields {
    prefix: String,
    members: Members,
    errors: Vec<FieldError>,
}

impl Fields {
    fn new(members: Members) -> Self {
        Self::under(String::new(), members)
    }

    fn under(prefix: String, members: Members) -> Self {
        let mut fields = Self { prefix, members, errors: Vec::new() };
        for name in fields.members.named_twice() {
            fields.fault::<()>(&name, Fault::new(Slug::InvalidValue, "this member is named more than once"));
        }
        fields
    }

    /// A member that must be there, as text.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(SecretString) -> Result<T, Fault>,
    ) -> Option<T> {
        match self.members.take(name) {
            Some(value) => self.text(name, value, read),
            None => self.missing(name),
        }
    }

    /// A member that may be absent or null, as text. The outer option is none when it is there and wrong.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(SecretString) -> Result<T, Fault>,
    ) -> Option<Option<T>> {
        match self.members.take(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.text(name, value, read).map(Some),
        }
    }

    /// A member that may not be there, unless it is null.
    pub(crate) fn refuse(&mut self, name: &'static str, detail: &'static str) -> Option<()> {
        match self.members.take(name) {
            None | Some(Value::Null) => Some(()),
            Some(_) => self.fault(name, Fault::new(Slug::InvalidValue, detail)),
        }
    }

    /// Whether a member is there, null included.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.has(name)
    }

    /// A member that must be there, as an object.
    pub(crate) fn object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        match self.members.take(name) {
            Some(value) => self.inner(name, value, read),
            None => self.missing(name),
        }
    }

    /// A member that may be absent or null, as an object. The outer option is none when it is there and wrong.
    pub(crate) fn optional_object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.members.take(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.inner(name, value, read).map(Some),
        }
    }

    /// A member that must be there, as a list of one to `most` texts.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        most: usize,
        read: impl Fn(SecretString) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        match self.members.take(name) {
            Some(value) => self.texts(name, value, most, read),
            None => self.missing(name),
        }
    }

    /// A member that may be absent, null or empty, as a list of at most `most` texts.
    pub(crate) fn optional_list<T>(
        &mut self,
        name: &'static str,
        most: usize,
        read: impl Fn(SecretString) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        match self.members.take(name) {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::List(items)) if items.is_empty() => Some(Vec::new()),
            Some(value) => self.texts(name, value, most, read),
        }
    }

    /// A member that must be there, as a list of one to `most` objects.
    pub(crate) fn objects<T>(
        &mut self,
        name: &'static str,
        most: usize,
        read: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        match self.members.take(name) {
            Some(value) => self.items(name, value, most, |list, place, item| list.inner(place, item, &read)),
            None => self.missing(name),
        }
    }

    /// An object, all of whose members `read` must know.
    fn inner<T>(&mut self, name: &str, value: Value, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let Value::Object(members) = value else {
            return self.fault(name, Fault::new(Slug::InvalidFormat, "an object is expected"));
        };
        let mut inner = Self::under(self.pointer(name), members);
        let value = read(&mut inner);
        inner.refuse_the_rest();
        self.take_errors(inner.errors);
        value
    }

    /// A list of texts.
    fn texts<T>(
        &mut self,
        name: &str,
        value: Value,
        most: usize,
        read: impl Fn(SecretString) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        self.items(name, value, most, |list, place, item| list.text(place, item, &read))
    }

    /// The items of a list, each of which is read, so that everything that is wrong is told.
    fn items<T>(
        &mut self,
        name: &str,
        value: Value,
        most: usize,
        read: impl Fn(&mut Self, &str, Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(items) = value else {
            return self.fault(name, Fault::new(Slug::InvalidFormat, "a list is expected"));
        };
        if items.is_empty() {
            return self.fault(name, Fault::new(Slug::Insufficient, "at least one is expected"));
        }
        if items.len() > most {
            return self.fault(name, Fault::new(Slug::Overflow, format!("at most {most} are allowed")));
        }
        let mut inner = Self::under(self.pointer(name), Members::default());
        let read: Vec<Option<T>> = items
            .into_iter()
            .enumerate()
            .map(|(number, item)| read(&mut inner, &number.to_string(), item))
            .collect();
        self.take_errors(inner.errors);
        read.into_iter().collect()
    }

    /// Notes a fault of a member; always none, for the caller to return.
    pub(crate) fn fault<T>(&mut self, name: &str, fault: Fault) -> Option<T> {
        if self.errors.len() < MOST_FAULTS {
            self.errors.push(fault.at(Place::Pointer(self.pointer(name))));
        }
        None
    }

    /// Notes a fault of one item of a list.
    pub(crate) fn item_fault(&mut self, name: &str, index: usize, fault: Fault) {
        let mut list = Self::under(self.pointer(name), Members::default());
        list.fault::<()>(&index.to_string(), fault);
        self.take_errors(list.errors);
    }

    fn take_errors(&mut self, errors: Vec<FieldError>) {
        let room = MOST_FAULTS.saturating_sub(self.errors.len());
        self.errors.extend(errors.into_iter().take(room));
    }

    /// What was read, if there is nothing wrong with it or left over.
    fn finish<T>(mut self, value: Option<T>) -> Result<T, Problem> {
        self.refuse_the_rest();
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::invalid(self.errors)),
        }
    }

    fn refuse_the_rest(&mut self) {
        for name in self.members.names() {
            self.fault::<()>(&name, Fault::new(Slug::InvalidValue, "no such member is known here"));
        }
    }

    fn text<T>(
        &mut self,
        name: &str,
        value: Value,
        read: impl FnOnce(SecretString) -> Result<T, Fault>,
    ) -> Option<T> {
        let Value::Text(text) = value else {
            return self.fault(name, Fault::new(Slug::InvalidFormat, "a string is expected"));
        };
        match read(text) {
            Ok(value) => Some(value),
            Err(fault) => self.fault(name, fault),
        }
    }

    fn missing<T>(&mut self, name: &str) -> Option<T> {
        self.fault(name, Fault::new(Slug::Missing, "this member is required"))
    }

    /// The JSON pointer of a member (RFC 6901).
    fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.prefix, name.replace('~', "~0").replace('/', "~1"))
    }
}

/// Reads text that its type can parse, with one fault for all that it refuses.
pub(crate) fn parsed<T: std::str::FromStr>(text: &SecretString, detail: &'static str) -> Result<T, Fault> {
    text.expose_secret().parse().map_err(|_| Fault::new(Slug::InvalidFormat, detail))
}

/// Reads text of a type that has a shortest and a longest one, in bytes.
pub(crate) fn sized<T>(text: &SecretString, lengths: &RangeInclusive<usize>) -> Result<T, Fault>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = text.expose_secret();
    text.parse::<T>().map_err(|error| {
        let slug = if text.len() < *lengths.start() {
            Slug::Insufficient
        } else if text.len() > *lengths.end() {
            Slug::Overflow
        } else {
            Slug::InvalidFormat
        };
        Fault::new(slug, error.to_string())
    })
}
