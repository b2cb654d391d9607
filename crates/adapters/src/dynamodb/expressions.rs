//! Conditions and updates as DynamoDB writes them: `#x` stands for the attribute `x`, `:x` for a value.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::items::Attributes;

/// An expression, its values, and the names that a placeholder does not tell by itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Expression {
    text: String,
    values: Attributes,
    names: HashMap<String, String>,
}

impl Expression {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Gives a value to the placeholder `:name`.
    pub(super) fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(format!(":{name}"), value);
        self
    }

    /// Lets the placeholder `#name` stand for another attribute than `name`.
    pub(super) fn name(mut self, name: &str, attribute: String) -> Self {
        self.names.insert(format!("#{name}"), attribute);
        self
    }

    /// The same with what `other` demands too.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.text = format!("{} AND {}", self.text, other.text);
        self.values.extend(other.values);
        self.names.extend(other.names);
        self
    }

    pub(super) fn text(&self) -> String {
        self.text.clone()
    }
}

/// There is no item at this key.
pub(super) fn absent() -> Expression {
    Expression::new("attribute_not_exists(#pk)")
}

/// There is an item at this key.
pub(super) fn present() -> Expression {
    Expression::new("attribute_exists(#pk)")
}

/// The attribute has this value; none means that it is not there.
pub(super) fn unchanged(attribute: &str, value: Option<AttributeValue>) -> Expression {
    match value {
        Some(value) => {
            let name = format!("was_{attribute}");
            Expression::new(format!("#{attribute} = :{name}")).value(&name, value)
        }
        None => Expression::new(format!("attribute_not_exists(#{attribute})")),
    }
}

/// What the placeholders of these expressions stand for. Many plain names are reserved words, so every attribute gets
/// a placeholder.
pub(super) fn names<'a>(
    expressions: impl IntoIterator<Item = &'a Expression>,
) -> Option<HashMap<String, String>> {
    let mut names = HashMap::new();
    for expression in expressions {
        for rest in expression.text.split('#').skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let placeholder = format!("#{name}");
            let attribute = expression.names.get(&placeholder).cloned().unwrap_or(name);
            names.insert(placeholder, attribute);
        }
    }
    (!names.is_empty()).then_some(names)
}

/// The values of these expressions.
pub(super) fn values<'a>(expressions: impl IntoIterator<Item = &'a Expression>) -> Option<Attributes> {
    let values: Attributes =
        expressions.into_iter().flat_map(|expression| expression.values.clone()).collect();
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::items::number;

    #[test]
    fn placeholders_get_their_names_and_values() {
        let both = present().and(unchanged("uses", Some(number(1)))).and(unchanged("sibling", None));
        assert_eq!(
            both.text(),
            "attribute_exists(#pk) AND #uses = :was_uses AND attribute_not_exists(#sibling)"
        );
        let names = names([&both]).unwrap();
        assert_eq!(names.len(), 3);
        assert_eq!(names.get("#uses").map(String::as_str), Some("uses"));
        assert_eq!(values([&both]).unwrap().get(":was_uses"), Some(&number(1)));
        assert_eq!(values([&absent()]), None);
    }
}
