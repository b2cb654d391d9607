//! Members that are whole numbers or truth values.

use std::ops::RangeInclusive;

use super::{Fault, Fields, json::Value};
use crate::problem::Slug;

impl Fields {
    /// A whole number that must be there, in this range.
    pub(crate) fn required_number(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        match self.members.take(name) {
            Some(value) => self.number(name, &value, &range),
            None => self.missing(name),
        }
    }

    /// A whole number that may be absent or null, in this range. The outer option is none when it is there and wrong.
    pub(crate) fn optional_number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<Option<u64>> {
        match self.members.take(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.number(name, &value, &range).map(Some),
        }
    }

    /// A truth value that may be absent or null. The outer option is none when it is there and wrong.
    pub(crate) fn optional_flag(&mut self, name: &'static str) -> Option<Option<bool>> {
        match self.members.take(name) {
            None | Some(Value::Null) => Some(None),
            Some(Value::Flag(flag)) => Some(Some(flag)),
            Some(_) => self.fault(name, Fault::new(Slug::InvalidFormat, "`true` or `false` is expected")),
        }
    }

    fn number(&mut self, name: &str, value: &Value, range: &RangeInclusive<u64>) -> Option<u64> {
        let (least, most) = (range.start(), range.end());
        let slug = match value {
            Value::Number(number) if range.contains(number) => return Some(*number),
            Value::Number(number) if number > most => Slug::Overflow,
            Value::Number(_) => Slug::InvalidValue,
            _ => Slug::InvalidFormat,
        };
        self.fault(name, Fault::new(slug, format!("a whole number from {least} to {most} is expected")))
    }
}
