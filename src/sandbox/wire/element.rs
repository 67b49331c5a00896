//! XML as requests bring it: elements, text, comments and CDATA. Attributes are passed over, prefixes dropped.

/// How many elements may stand inside one another.
const MAX_DEPTH: usize = 64;

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name without a prefix.
    pub name: String,
    /// All text right inside it, references resolved.
    pub text: String,
    pub children: Vec<Element>,
}

/// Reads a document. `None` if it isn't well-formed, or has a document type.
pub(super) fn parse(mut rest: &str) -> Option<Element> {
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    while let Some((text, markup)) = rest.split_once('<') {
        add_text(&mut open, &resolved(text)?)?;
        rest = if let Some(comment) = markup.strip_prefix("!--") {
            comment.split_once("-->")?.1
        } else if let Some(instruction) = markup.strip_prefix('?') {
            instruction.split_once("?>")?.1
        } else if let Some(cdata) = markup.strip_prefix("![CDATA[") {
            let (text, after) = cdata.split_once("]]>")?;
            add_text(&mut open, text)?;
            after
        } else if let Some(end) = markup.strip_prefix('/') {
            let (name, after) = end.split_once('>')?;
            let element = open.pop().filter(|element| element.name == local(name.trim_end()))?;
            close(&mut open, &mut root, element);
            after
        } else {
            let (tag, after) = split_tag(markup)?;
            let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let name = tag.split_ascii_whitespace().next().filter(|_| tag.starts_with(is_name_start))?;
            if open.len() == MAX_DEPTH || root.is_some() {
                return None;
            }
            let element = Element { name: local(name).to_owned(), ..Element::default() };
            if is_empty {
                close(&mut open, &mut root, element);
            } else {
                open.push(element);
            }
            after
        };
    }
    root.filter(|_| open.is_empty() && rest.trim().is_empty())
}

fn close(open: &mut [Element], root: &mut Option<Element>, element: Element) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

/// Outside of the root only space may stand.
fn add_text(open: &mut [Element], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

/// A tag's inside and what follows it; a `>` in an attribute's value doesn't end it.
fn split_tag(markup: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let end = markup.find(|letter| {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
        quote.is_none() && letter == '>'
    })?;
    Some((&markup[..end], &markup[end + 1..]))
}

fn is_name_start(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, name)| name)
}

/// Text with its references resolved: `&lt;`, `&#65;`, `&#x41;`.
fn resolved(text: &str) -> Option<String> {
    let mut parts = text.split('&');
    let mut whole = parts.next()?.to_owned();
    for part in parts {
        let (reference, after) = part.split_once(';')?;
        whole.push(match reference {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = reference.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16),
                    None => number.parse(),
                };
                char::from_u32(code.ok()?)?
            }
        });
        whole.push_str(after);
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(name: &str, text: &str) -> Element {
        Element { name: name.to_owned(), text: text.to_owned(), children: Vec::new() }
    }

    #[test]
    fn elements_hold_text_and_elements() {
        let document = "<?xml version=\"1.0\"?>\n<!-- x --><a xmlns=\"n\" b='>'>\
            <b>1</b><c/><n:b c=\"/\" >2</n:b ></a>\n";
        let children = vec![leaf("b", "1"), leaf("c", ""), leaf("b", "2")];
        assert_eq!(parse(document), Some(Element { children, ..leaf("a", "") }));
    }

    #[test]
    fn text_has_references_and_cdata() {
        let document = "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42; é<![CDATA[<&]]><!--c-->.</a>";
        assert_eq!(parse(document), Some(leaf("a", "<>&\"'AB é<&.")));
    }

    #[test]
    fn what_is_not_well_formed_is_none() {
        for document in [
            "",
            "a",
            "<",
            "<>",
            "<a",
            "<a>",
            "</a>",
            "<a></b>",
            "<a><b></a></b>",
            "<a/><a/>",
            "<a/>x",
            "x<a/>",
            "<a>&</a>",
            "<a>&b;</a>",
            "<a>&#xd800;</a>",
            "<a>&#;</a>",
            "<a b=\"></a>",
            "< a></a>",
            "<!DOCTYPE a><a/>",
            "<a><![CDATA[</a>",
            "<!-- <a/>",
        ] {
            assert_eq!(parse(document), None, "{document}");
        }
    }

    #[test]
    fn elements_nested_without_end_are_refused() {
        let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH)).is_some());
        assert_eq!(parse(&nested(MAX_DEPTH + 1)), None);
        assert_eq!(parse(&nested(500_000)), None);
    }
}
