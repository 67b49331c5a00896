//! Conditions on an item: of writes, of filters, of queries' keys.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::attribute::{Attribute, Item};
use super::expression::{Parser, Path, Placeholders};
use crate::sandbox::api::ApiError;

/// The types that can be put in order.
const ORDERED: &[&str] = &["S", "N", "B"];

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    HasType(Path, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What conditions compare.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Path(Path),
    Value(Attribute),
    Size(Path),
}

impl Condition {
    /// Reads a condition, which the call has as `member`.
    ///
    /// # Errors
    /// `ValidationException`
    pub fn parse(member: &'static str, text: &str, placeholders: &mut Placeholders) -> Result<Self, ApiError> {
        let mut parser = Parser::new(member, text, placeholders)?;
        let condition = either(&mut parser)?;
        parser.end()?;
        Ok(condition)
    }

    /// Whether an item, which may not be there, meets it.
    pub fn holds(&self, item: &Item) -> bool {
        match self {
            Condition::And(one, other) => one.holds(item) && other.holds(item),
            Condition::Or(one, other) => one.holds(item) || other.holds(item),
            Condition::Not(inner) => !inner.holds(item),
            Condition::Compare(one, comparator, other) => comparator.holds(one.of(item), other.of(item)),
            Condition::Between(operand, low, high) => {
                Comparator::GreaterOrEqual.holds(operand.of(item), low.of(item))
                    && Comparator::LessOrEqual.holds(operand.of(item), high.of(item))
            }
            Condition::In(operand, list) => {
                list.iter().any(|other| Comparator::Equal.holds(operand.of(item), other.of(item)))
            }
            Condition::Exists(path) => path.find(item).is_some(),
            Condition::NotExists(path) => path.find(item).is_none(),
            Condition::HasType(path, kind) => path.find(item).is_some_and(|value| value.kind() == kind),
            Condition::BeginsWith(one, other) => both(one, other, item, Attribute::begins_with),
            Condition::Contains(one, other) => both(one, other, item, Attribute::contains),
        }
    }
}

fn both(one: &Operand, other: &Operand, item: &Item, relation: fn(&Attribute, &Attribute) -> bool) -> bool {
    one.of(item).zip(other.of(item)).is_some_and(|(one, other)| relation(&one, &other))
}

impl Operand {
    fn of<'a>(&'a self, item: &'a Item) -> Option<Cow<'a, Attribute>> {
        match self {
            Operand::Path(path) => path.find(item).map(Cow::Borrowed),
            Operand::Value(value) => Some(Cow::Borrowed(value)),
            Operand::Size(path) => path.find(item)?.length().map(|size| Cow::Owned(Attribute::N(size.to_string()))),
        }
    }
}

impl Comparator {
    fn parse(token: &str) -> Option<Self> {
        Some(match token {
            "=" => Comparator::Equal,
            "<>" => Comparator::NotEqual,
            "<" => Comparator::Less,
            "<=" => Comparator::LessOrEqual,
            ">" => Comparator::Greater,
            ">=" => Comparator::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Values of different types are unequal and in no order, and so is what is not there.
    fn holds(self, one: Option<Cow<'_, Attribute>>, other: Option<Cow<'_, Attribute>>) -> bool {
        match self {
            Comparator::Equal => one.is_some() && one == other,
            Comparator::NotEqual => one != other,
            _ => {
                let order = one.zip(other).and_then(|(one, other)| one.compare(&other));
                order.is_some_and(|order| match self {
                    Comparator::Less => order == Ordering::Less,
                    Comparator::LessOrEqual => order != Ordering::Greater,
                    Comparator::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
        }
    }
}

fn either(parser: &mut Parser<'_>) -> Result<Condition, ApiError> {
    let mut condition = all(parser)?;
    while parser.accept("OR") {
        condition = Condition::Or(Box::new(condition), Box::new(all(parser)?));
    }
    Ok(condition)
}

fn all(parser: &mut Parser<'_>) -> Result<Condition, ApiError> {
    let mut condition = one(parser)?;
    while parser.accept("AND") {
        condition = Condition::And(Box::new(condition), Box::new(one(parser)?));
    }
    Ok(condition)
}

fn one(parser: &mut Parser<'_>) -> Result<Condition, ApiError> {
    if parser.accept("NOT") {
        return Ok(Condition::Not(Box::new(one(parser)?)));
    }
    if parser.accept("(") {
        let condition = either(parser)?;
        parser.expect(")")?;
        return Ok(condition);
    }
    if parser.is_function() && !parser.is("size") {
        return function(parser);
    }
    comparison(parser)
}

fn function(parser: &mut Parser<'_>) -> Result<Condition, ApiError> {
    let name = parser.take();
    let arity = match name {
        "attribute_exists" | "attribute_not_exists" => 1,
        "attribute_type" | "begins_with" | "contains" => 2,
        _ => return Err(parser.invalid(format!("Invalid function name; function: {name}"))),
    };
    let mut operands = operands(parser)?;
    if operands.len() != arity {
        return Err(parser.invalid(format!(
            "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {}",
            operands.len()
        )));
    }
    let second = if arity == 2 { operands.pop() } else { None };
    match (name, operands.pop(), second) {
        ("attribute_exists", Some(Operand::Path(path)), None) => Ok(Condition::Exists(path)),
        ("attribute_not_exists", Some(Operand::Path(path)), None) => Ok(Condition::NotExists(path)),
        ("attribute_type", Some(Operand::Path(path)), Some(Operand::Value(Attribute::S(kind)))) => {
            Ok(Condition::HasType(path, kind))
        }
        ("begins_with", Some(one), Some(other)) => {
            check_types(parser, name, &[&one, &other], &["S", "B"])?;
            Ok(Condition::BeginsWith(one, other))
        }
        ("contains", Some(one), Some(other)) => Ok(Condition::Contains(one, other)),
        _ => {
            let why = format!("Operator or function requires a document path; operator or function: {name}");
            Err(parser.invalid(why))
        }
    }
}

fn comparison(parser: &mut Parser<'_>) -> Result<Condition, ApiError> {
    let left = operand(parser)?;
    if parser.accept("BETWEEN") {
        let low = operand(parser)?;
        parser.expect("AND")?;
        let high = operand(parser)?;
        check_types(parser, "BETWEEN", &[&left, &low, &high], ORDERED)?;
        return Ok(Condition::Between(left, low, high));
    }
    if parser.accept("IN") {
        return Ok(Condition::In(left, operands(parser)?));
    }
    let sign = parser.peek();
    let comparator = Comparator::parse(sign).ok_or_else(|| parser.syntax())?;
    parser.take();
    let right = operand(parser)?;
    if !matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
        check_types(parser, sign, &[&left, &right], ORDERED)?;
    }
    Ok(Condition::Compare(left, comparator, right))
}

/// Operands in brackets.
fn operands(parser: &mut Parser<'_>) -> Result<Vec<Operand>, ApiError> {
    parser.expect("(")?;
    let mut operands = vec![operand(parser)?];
    while parser.accept(",") {
        operands.push(operand(parser)?);
    }
    parser.expect(")")?;
    Ok(operands)
}

fn operand(parser: &mut Parser<'_>) -> Result<Operand, ApiError> {
    if parser.peek().starts_with(':') {
        return parser.value().map(Operand::Value);
    }
    if parser.is_function() {
        let name = parser.take();
        if name != "size" {
            return Err(parser.invalid(format!("Invalid function name; function: {name}")));
        }
        parser.expect("(")?;
        let path = parser.path()?;
        parser.expect(")")?;
        return Ok(Operand::Size(path));
    }
    parser.path().map(Operand::Path)
}

/// Refuses given values of types that an operator is not for.
fn check_types(parser: &Parser<'_>, operator: &str, operands: &[&Operand], types: &[&str]) -> Result<(), ApiError> {
    for operand in operands {
        if let Operand::Value(value) = operand
            && !types.contains(&value.kind())
        {
            return Err(parser.invalid(format!(
                "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {}",
                value.kind()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::super::attribute::read_item;
    use super::*;

    fn parse(text: &str) -> Result<Condition, ApiError> {
        let values = BTreeMap::from([
            (":one".to_owned(), json!({"N": "1"})),
            (":ten".to_owned(), json!({"N": "10"})),
            (":a".to_owned(), json!({"S": "a"})),
            (":yes".to_owned(), json!({"BOOL": true})),
            (":type".to_owned(), json!({"S": "N"})),
        ]);
        let names = BTreeMap::from([("#s".to_owned(), "state".to_owned())]);
        let expressions = [("ConditionExpression", Some(text))];
        let mut placeholders = Placeholders::new(Some(names), Some(values), &expressions)?;
        Condition::parse("ConditionExpression", text, &mut placeholders)
    }

    fn holds(text: &str, item: &Value) -> bool {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).holds(&read_item(item).unwrap())
    }

    #[test]
    fn conditions_compare_look_and_combine() {
        let item = json!({
            "n": {"N": "5"}, "s": {"S": "abc"}, "state": {"S": "a"}, "tags": {"SS": ["a", "b"]},
            "l": {"L": [{"S": "a"}]}, "m": {"M": {"x": {"N": "1"}}},
        });
        for (text, expected) in [
            ("n > :one", true),
            ("n >= :ten", false),
            ("n < :ten AND n <> :one", true),
            ("n <= :one OR s = :a", false),
            ("n BETWEEN :one AND :ten", true),
            ("n IN (:one, :ten)", false),
            ("m.x IN (:one, :ten)", true),
            ("#s = :a", true),
            ("n = :a", false),
            ("n < :a", false),
            ("n <> :a", true),
            ("lacking <> :a", true),
            ("lacking = :a", false),
            ("attribute_exists(m.x)", true),
            ("attribute_not_exists(l[1])", true),
            ("attribute_type(n, :type)", true),
            ("begins_with(s, :a)", true),
            ("contains(s, :a) and contains(tags, :a) and contains(l, :a)", true),
            ("size(s) > :one", true),
            ("NOT n = :one", true),
            ("NOT (n = :one OR s = :a) AND attribute_exists(s)", true),
            ("n = :ten OR n = :one AND s = :a", false),
            ("n > :one OR n = :one AND s = :a", true),
        ] {
            assert_eq!(holds(text, &item), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_dynamodbs_words() {
        for (text, message) in [
            ("n = :none", "An expression attribute value used in expression is not defined; attribute value: :none"),
            ("status = :a", "Attribute name is a reserved keyword; reserved keyword: status"),
            ("exists(n)", "Invalid function name; function: exists"),
            (
                "attribute_exists(n, s)",
                "Incorrect number of operands for operator or function; operator or function: attribute_exists, \
                 number of operands: 2",
            ),
            (
                "attribute_exists(:a)",
                "Operator or function requires a document path; operator or function: attribute_exists",
            ),
            (
                "begins_with(s, :one)",
                "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
            ),
            (
                "n < :yes",
                "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
            ),
            ("n =", "Syntax error; token: \"<EOF>\", near: \"=\""),
            ("n = :a s", "Syntax error; token: \"s\", near: \":a s\""),
            ("(n = :a", "Syntax error; token: \"<EOF>\", near: \":a\""),
            ("n :a", "Syntax error; token: \":a\", near: \"n :a\""),
        ] {
            assert_eq!(parse(text).unwrap_err().message, format!("Invalid ConditionExpression: {message}"), "{text}");
        }
    }
}
