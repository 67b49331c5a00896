//! Update expressions: what is set, removed, added and taken out of sets.

use super::attribute::{Attribute, Item};
use super::expression::{Parser, Path, Placeholders, Step, check_distinct};
use super::invalid;
use crate::sandbox::api::ApiError;

const MEMBER: &str = "UpdateExpression";

/// An update.
#[derive(Debug, Default, PartialEq)]
pub struct Update {
    set: Vec<(Path, Sum)>,
    remove: Vec<Path>,
    add: Vec<(Path, Attribute)>,
    delete: Vec<(Path, Attribute)>,
}

/// What an attribute is set to.
#[derive(Debug, PartialEq)]
enum Sum {
    Term(Term),
    Plus(Term, Term),
    Minus(Term, Term),
}

#[derive(Debug, PartialEq)]
enum Term {
    Path(Path),
    Value(Attribute),
    IfNotExists(Path, Box<Term>),
    ListAppend(Box<Term>, Box<Term>),
}

impl Update {
    /// Reads an update.
    ///
    /// # Errors
    /// `ValidationException`
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ApiError> {
        let mut parser = Parser::new(MEMBER, text, placeholders)?;
        let mut update = Self::default();
        let mut sections: Vec<String> = Vec::new();
        while !parser.peek().is_empty() {
            let section = parser.peek().to_ascii_uppercase();
            if sections.contains(&section) {
                return Err(
                    parser.invalid(format!("The \"{section}\" section can only be used once in an update expression;"))
                );
            }
            if !["SET", "REMOVE", "ADD", "DELETE"].contains(&section.as_str()) {
                return Err(parser.syntax());
            }
            parser.take();
            update.read_action(&mut parser, &section)?;
            while parser.accept(",") {
                update.read_action(&mut parser, &section)?;
            }
            sections.push(section);
        }
        check_distinct(MEMBER, &update.paths())?;
        Ok(update)
    }

    fn read_action(&mut self, parser: &mut Parser<'_>, section: &str) -> Result<(), ApiError> {
        let path = parser.path()?;
        match section {
            "SET" => {
                parser.expect("=")?;
                self.set.push((path, sum(parser)?));
            }
            "REMOVE" => self.remove.push(path),
            "ADD" => {
                let value = parser.value()?;
                check_type(parser, section, &value, &["N", "SS", "NS", "BS"])?;
                self.add.push((path, value));
            }
            _ => {
                let value = parser.value()?;
                check_type(parser, section, &value, &["SS", "NS", "BS"])?;
                self.delete.push((path, value));
            }
        }
        Ok(())
    }

    /// All paths that it changes.
    pub fn paths(&self) -> Vec<&Path> {
        let set = self.set.iter().map(|(path, _)| path);
        let sets = self.add.iter().chain(&self.delete).map(|(path, _)| path);
        set.chain(&self.remove).chain(sets).collect()
    }

    /// The item after it; all that it refers to is as it was before.
    ///
    /// # Errors
    /// `ValidationException` for what the item lacks or has as another type.
    pub fn apply(&self, before: &Item) -> Result<Item, ApiError> {
        let mut changes = Vec::new();
        for (path, sum) in &self.set {
            changes.push((path, Some(sum.of(before)?)));
        }
        for (path, value) in &self.add {
            changes.push((path, Some(added(path.find(before), value)?)));
        }
        for (path, value) in &self.delete {
            if let Some(old) = path.find(before) {
                changes.push((path, without(old, value)?));
            }
        }
        // The last items of a list go first, so that no other moves before its turn.
        let mut remove: Vec<_> = self.remove.iter().collect();
        remove.sort_unstable_by(|one, other| other.cmp(one));
        changes.extend(remove.into_iter().map(|path| (path, None)));

        let mut item = before.clone();
        for (path, value) in changes {
            put(&mut item, path, value)
                .ok_or_else(|| invalid("The document path provided in the update expression is invalid for update"))?;
        }
        Ok(item)
    }
}

impl Sum {
    fn of(&self, item: &Item) -> Result<Attribute, ApiError> {
        let number = |term: &Term| term.of(item)?.number().ok_or_else(wrong_type);
        let sum = match self {
            Sum::Term(term) => return term.of(item),
            Sum::Plus(one, other) => number(one)?.plus(number(other)?)?,
            Sum::Minus(one, other) => number(one)?.plus(number(other)?.negated())?,
        };
        Ok(Attribute::N(sum.to_string()))
    }
}

impl Term {
    fn of(&self, item: &Item) -> Result<Attribute, ApiError> {
        match self {
            Term::Path(path) => path.find(item).cloned().ok_or_else(|| {
                invalid("The provided expression refers to an attribute that does not exist in the item")
            }),
            Term::Value(value) => Ok(value.clone()),
            Term::IfNotExists(path, other) => path.find(item).cloned().map_or_else(|| other.of(item), Ok),
            Term::ListAppend(one, other) => match (one.of(item)?, other.of(item)?) {
                (Attribute::L(one), Attribute::L(other)) => Ok(Attribute::L([one, other].concat())),
                _ => Err(wrong_type()),
            },
        }
    }
}

fn sum(parser: &mut Parser<'_>) -> Result<Sum, ApiError> {
    let first = term(parser)?;
    if parser.accept("+") {
        return Ok(Sum::Plus(first, term(parser)?));
    }
    if parser.accept("-") {
        return Ok(Sum::Minus(first, term(parser)?));
    }
    Ok(Sum::Term(first))
}

fn term(parser: &mut Parser<'_>) -> Result<Term, ApiError> {
    if parser.peek().starts_with(':') {
        return parser.value().map(Term::Value);
    }
    if !parser.is_function() {
        return parser.path().map(Term::Path);
    }
    let name = parser.take();
    parser.expect("(")?;
    let function = match name {
        "if_not_exists" => {
            let path = parser.path()?;
            parser.expect(",")?;
            Term::IfNotExists(path, Box::new(term(parser)?))
        }
        "list_append" => {
            let first = term(parser)?;
            parser.expect(",")?;
            Term::ListAppend(Box::new(first), Box::new(term(parser)?))
        }
        _ => return Err(parser.invalid(format!("Invalid function name; function: {name}"))),
    };
    parser.expect(")")?;
    Ok(function)
}

fn check_type(parser: &Parser<'_>, operator: &str, value: &Attribute, types: &[&str]) -> Result<(), ApiError> {
    if types.contains(&value.kind()) {
        return Ok(());
    }
    let kind = match value.kind() {
        "S" => "STRING",
        "N" => "NUMBER",
        "B" => "BINARY",
        "M" => "MAP",
        "L" => "LIST",
        "BOOL" => "BOOLEAN",
        other => other,
    };
    Err(parser.invalid(format!(
        "Incorrect operand type for operator or function; operator: {operator}, operand type: {kind}, typeSet: \
         ALLOWED_FOR_{operator}_OPERAND"
    )))
}

/// A number plus another, or a set with the members of another.
fn added(old: Option<&Attribute>, value: &Attribute) -> Result<Attribute, ApiError> {
    match (old, value) {
        (None, value) => Ok(value.clone()),
        (Some(Attribute::Ss(set)), Attribute::Ss(more)) => Ok(Attribute::Ss(set | more)),
        (Some(Attribute::Ns(set)), Attribute::Ns(more)) => Ok(Attribute::Ns(set | more)),
        (Some(Attribute::Bs(set)), Attribute::Bs(more)) => Ok(Attribute::Bs(set | more)),
        (Some(old), value) => {
            let (old, value) = old.number().zip(value.number()).ok_or_else(wrong_type)?;
            Ok(Attribute::N(old.plus(value)?.to_string()))
        }
    }
}

/// A set without the members of another; nothing if none are left.
fn without(old: &Attribute, value: &Attribute) -> Result<Option<Attribute>, ApiError> {
    let rest = match (old, value) {
        (Attribute::Ss(set), Attribute::Ss(less)) => Attribute::Ss(set - less),
        (Attribute::Ns(set), Attribute::Ns(less)) => Attribute::Ns(set - less),
        (Attribute::Bs(set), Attribute::Bs(less)) => Attribute::Bs(set - less),
        _ => return Err(wrong_type()),
    };
    Ok(Some(rest).filter(|rest| rest.length() != Some(0)))
}

/// Puts a value where a path leads, or removes what is there; nothing if the path leads nowhere.
fn put(item: &mut Item, path: &Path, value: Option<Attribute>) -> Option<()> {
    let (last, parents) = path.0.split_last()?;
    let Some((Step::Name(root), steps)) = parents.split_first() else {
        put_in_map(item, last, value);
        return Some(());
    };
    let mut container = item.get_mut(root)?;
    for step in steps {
        container = match (container, step) {
            (Attribute::M(map), Step::Name(name)) => map.get_mut(name)?,
            (Attribute::L(list), Step::Index(index)) => list.get_mut(*index)?,
            _ => return None,
        };
    }
    match (container, last) {
        (Attribute::M(map), Step::Name(_)) => put_in_map(map, last, value),
        (Attribute::L(list), Step::Index(index)) => match (list.get_mut(*index), value) {
            (Some(slot), Some(value)) => *slot = value,
            (None, Some(value)) => list.push(value),
            (Some(_), None) => drop(list.remove(*index)),
            (None, None) => {}
        },
        _ => return None,
    }
    Some(())
}

fn put_in_map(map: &mut Item, step: &Step, value: Option<Attribute>) {
    let Step::Name(name) = step else { return };
    match value {
        Some(value) => drop(map.insert(name.clone(), value)),
        None => drop(map.remove(name)),
    }
}

fn wrong_type() -> ApiError {
    invalid("An operand in the update expression has an incorrect data type")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::super::attribute::read_item;
    use super::*;

    fn parse(text: &str) -> Result<Update, ApiError> {
        let values = BTreeMap::from([
            (":one".to_owned(), json!({"N": "1"})),
            (":text".to_owned(), json!({"S": "t"})),
            (":set".to_owned(), json!({"SS": ["a", "c"]})),
            (":list".to_owned(), json!({"L": [{"N": "9"}]})),
        ]);
        let mut placeholders = Placeholders::new(None, Some(values), &[(MEMBER, Some(text))])?;
        Update::parse(text, &mut placeholders)
    }

    fn apply(text: &str, item: Value) -> Result<Value, ApiError> {
        Ok(json!(parse(text)?.apply(&read_item(&item).unwrap())?))
    }

    #[test]
    fn attributes_are_set_removed_added_and_taken_out_of_sets() {
        let item = json!({
            "n": {"N": "5"}, "s": {"SS": ["a", "b"]}, "l": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}]},
            "m": {"M": {"x": {"N": "1"}}},
        });
        for (text, changed) in [
            ("SET a = :text", json!({"a": {"S": "t"}})),
            ("SET n = n + :one", json!({"n": {"N": "6"}})),
            ("SET n = n - :one, a = n", json!({"n": {"N": "4"}, "a": {"N": "5"}})),
            ("set a = if_not_exists(n, :one)", json!({"a": {"N": "5"}})),
            ("SET a = if_not_exists(a, :one) + :one", json!({"a": {"N": "2"}})),
            ("SET l = list_append(l, :list)", json!({"l": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}, {"N": "9"}]}})),
            ("SET m.y = :one", json!({"m": {"M": {"x": {"N": "1"}, "y": {"N": "1"}}}})),
            ("SET l[1] = :one", json!({"l": {"L": [{"N": "1"}, {"N": "1"}, {"N": "3"}]}})),
            ("REMOVE l[0], l[1]", json!({"l": {"L": [{"N": "3"}]}})),
            ("REMOVE lacking, m.x", json!({"m": {"M": {}}})),
            ("ADD n :one, s :set", json!({"n": {"N": "6"}, "s": {"SS": ["a", "b", "c"]}})),
            ("ADD a :one", json!({"a": {"N": "1"}})),
            ("DELETE s :set", json!({"s": {"SS": ["b"]}})),
            ("REMOVE n ADD a :one", json!({"a": {"N": "1"}, "n": null})),
        ] {
            let mut expected = item.clone();
            let members = expected.as_object_mut().unwrap();
            members.extend(changed.as_object().unwrap().clone());
            members.retain(|_, value| !value.is_null());
            assert_eq!(apply(text, item.clone()).unwrap(), expected, "{text}");
        }
        let only = json!({"s": {"SS": ["a"]}});
        assert_eq!(apply("DELETE s :set", only).unwrap(), json!({}), "no set is empty");
    }

    #[test]
    fn what_is_wrong_is_said_in_dynamodbs_words() {
        let item = json!({"n": {"N": "5"}, "t": {"S": "x"}});
        for (text, message) in [
            ("SET a = lacking", "The provided expression refers to an attribute that does not exist in the item"),
            ("SET a = t + :one", "An operand in the update expression has an incorrect data type"),
            ("ADD t :one", "An operand in the update expression has an incorrect data type"),
            ("SET lacking.x = :one", "The document path provided in the update expression is invalid for update"),
            (
                "SET a = :one SET b = :one",
                "Invalid UpdateExpression: The \"SET\" section can only be used once in an update expression;",
            ),
            (
                "SET a = :one REMOVE a",
                "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of \
                 these paths; path one: [a], path two: [a]",
            ),
            (
                "ADD n :text",
                "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand \
                 type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
            ),
            ("SET a = size(n)", "Invalid UpdateExpression: Invalid function name; function: size"),
            ("a = :one", "Invalid UpdateExpression: Syntax error; token: \"a\", near: \"a =\""),
            (
                "SET user = :one",
                "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: user",
            ),
        ] {
            let refusal = apply(text, item.clone()).unwrap_err();
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("ValidationException", message), "{text}");
        }
    }
}
