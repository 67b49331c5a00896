//! The ways of the REST protocols: from a request's method and path to the operation that it means.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::HttpRequest;

/// What a path says besides the operation: values by the names that the template has for them.
pub(super) type Labels = BTreeMap<&'static str, String>;

/// A method and a template: `GET /restapis/{restapi_id}/stages`, `POST /restapis?mode=import`.
#[derive(Debug)]
pub(super) struct Route {
    pub method: &'static str,
    segments: Vec<Segment>,
    /// What the query string must say.
    query: Vec<(&'static str, &'static str)>,
}

#[derive(Debug)]
enum Segment {
    Fixed(&'static str),
    /// `{Name}`: one segment, its slashes encoded.
    Label(&'static str),
    /// `{Name+}`: one segment or more.
    Greedy(&'static str),
}

impl Route {
    /// Reads a method and a template.
    pub(super) fn parse(text: &'static str) -> Option<Self> {
        let (method, template) = text.split_once(' ')?;
        let (path, query) = template.split_once('?').unwrap_or((template, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Some(Self {
            method,
            segments: split(path)?.into_iter().map(Segment::parse).collect(),
            query: pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect(),
        })
    }

    /// What the path of a request says that goes this way; `None` of one that doesn't.
    pub(super) fn labels(&self, request: &HttpRequest<'_>) -> Option<Labels> {
        let says = |(name, value): &(&str, &str)| {
            form_urlencoded::parse(request.query.as_bytes()).any(|(key, said)| key == *name && said == *value)
        };
        if request.method != self.method || !self.query.iter().all(says) {
            return None;
        }
        let mut labels = Labels::new();
        let path = split(request.path)?;
        let mut rest = &path[..];
        for (index, segment) in self.segments.iter().enumerate() {
            let after = self.segments.len() - index - 1;
            let length = match segment {
                Segment::Greedy(_) => rest.len().checked_sub(after)?,
                Segment::Fixed(_) | Segment::Label(_) => 1,
            };
            let (said, others) = rest.split_at_checked(length)?;
            let said = said.join("/");
            match segment {
                Segment::Fixed(text) if said == *text => {}
                Segment::Label(name) | Segment::Greedy(name) if !said.is_empty() => {
                    labels.insert(name, percent_decode_str(&said).decode_utf8_lossy().into_owned());
                }
                _ => return None,
            }
            rest = others;
        }
        rest.is_empty().then_some(labels)
    }

    /// The path of a request that goes this way, its labels filled in.
    pub(super) fn path(&self, value: impl Fn(&str) -> String) -> String {
        let segment = |segment: &Segment| match segment {
            Segment::Fixed(text) => (*text).to_owned(),
            Segment::Label(name) | Segment::Greedy(name) => value(name),
        };
        self.segments.iter().map(|one| format!("/{}", segment(one))).collect()
    }

    /// Of the routes that a request can go the greatest is meant.
    pub(super) fn specificity(&self) -> (Vec<u8>, usize) {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Fixed(_) => 2,
            Segment::Label(_) => 1,
            Segment::Greedy(_) => 0,
        });
        (segments.collect(), self.query.len())
    }
}

impl Segment {
    fn parse(text: &'static str) -> Self {
        match text.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
            None => Segment::Fixed(text),
            Some(label) => label.strip_suffix('+').map_or(Segment::Label(label), Segment::Greedy),
        }
    }
}

/// A path's segments. A slash at its end counts for nothing: models and clients differ there.
fn split(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix('/')?;
    Some(path.strip_suffix('/').unwrap_or(path).split('/').collect())
}

#[cfg(test)]
mod tests {
    use super::super::table::Service;
    use super::*;

    const TABLE: &str = "route List GET /things\n\
        route Import POST /things?mode=import\n\
        route Create POST /things\n\
        route Get GET /things/{id}\n\
        route GetBest GET /things/best\n\
        route GetPart GET /things/{id}/parts/{part}\n\
        route GetFile GET /files/{path+}\n\
        route GetMeta GET /files/{path+}/meta\n\
        route Open POST /doors/";

    fn way(method: &str, path: &str, query: &str) -> Option<(&'static str, Vec<(&'static str, String)>)> {
        let request = HttpRequest { method, path, query, headers: &[], body: b"" };
        let (name, labels) = Service::parse(TABLE).unwrap().way(&request)?;
        Some((name, labels.into_iter().collect()))
    }

    fn name(method: &str, path: &str, query: &str) -> Option<&'static str> {
        way(method, path, query).map(|(name, _)| name)
    }

    #[test]
    fn method_path_and_fixed_query_decide() {
        assert_eq!(name("GET", "/things", ""), Some("List"));
        assert_eq!(name("GET", "/things", "limit=5"), Some("List"));
        assert_eq!(name("POST", "/things", ""), Some("Create"));
        assert_eq!(name("POST", "/things", "mode=export"), Some("Create"));
        assert_eq!(name("POST", "/things", "a=b&mode=import"), Some("Import"));
    }

    #[test]
    fn the_most_specific_template_wins() {
        assert_eq!(name("GET", "/things/best", ""), Some("GetBest"));
        assert_eq!(name("GET", "/things/worst", ""), Some("Get"));
        assert_eq!(name("GET", "/files/a/b/meta", ""), Some("GetMeta"));
    }

    #[test]
    fn labels_are_decoded() {
        let said = |path| way("GET", path, "").unwrap().1;
        assert_eq!(said("/things/arn%3Aaws%3Ax%3A%3A%2Fa%2Fb"), [("id", "arn:aws:x::/a/b".to_owned())]);
        assert_eq!(said("/things/arn:aws:x"), [("id", "arn:aws:x".to_owned())]);
        assert_eq!(said("/things/a+b%20c/parts/%C3%A9"), [("id", "a+b c".to_owned()), ("part", "é".to_owned())]);
        assert_eq!(said("/things/%ff%"), [("id", "\u{fffd}%".to_owned())]);
    }

    #[test]
    fn a_greedy_label_holds_slashes() {
        assert_eq!(way("GET", "/files/a/b%2Fc/d", ""), Some(("GetFile", vec![("path", "a/b/c/d".to_owned())])));
        assert_eq!(way("GET", "/files/a/b/meta", ""), Some(("GetMeta", vec![("path", "a/b".to_owned())])));
        assert_eq!(name("GET", "/files", ""), None);
    }

    #[test]
    fn a_slash_at_the_end_counts_for_nothing() {
        assert_eq!(name("GET", "/things/", ""), Some("List"));
        assert_eq!(name("POST", "/doors", ""), Some("Open"));
        assert_eq!(name("POST", "/doors/", ""), Some("Open"));
    }

    #[test]
    fn there_is_no_other_way() {
        for (method, path) in [
            ("get", "/things"),
            ("PUT", "/things"),
            ("GET", ""),
            ("GET", "/"),
            ("GET", "things"),
            ("GET", "//things"),
            ("GET", "/things//parts/x"),
            ("GET", "/things/a/parts"),
            ("GET", "/things/a/parts/b/c"),
        ] {
            assert_eq!(name(method, path, ""), None, "{method} {path}");
        }
    }
}
