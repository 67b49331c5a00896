//! How far a request gets in the sandbox.

use owo_colors::AnsiColors::{Green, Red};
use serde::Serialize;

use super::Style;
use super::text::wrap;
use crate::aws::failure::printable;
use crate::sandbox::request::Response;

/// The answer of `sandbox request`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestDocument {
    target: &'static str,
    #[serde(flatten)]
    response: Response,
}

impl RequestDocument {
    /// A document about a request.
    pub fn of(response: Response) -> Self {
        Self { target: "sandbox", response }
    }

    /// For people: the way, then the body of the answer as it came.
    pub fn text(&self, style: Style) -> String {
        let Response { from, address, url, admitted, status, steps, body, .. } = &self.response;
        let from = match address {
            Some(address) if from.starts_with("vpc-") => format!("{from}, as a host at {address}"),
            Some(address) => format!("{from}, at {address}"),
            None => format!("the {from}"),
        };
        let heading = wrap(&printable(&format!("GET {url}, from {from}")), style.width, "", "    ");
        let mut lines = vec![style.bold(&heading)];
        for stretch in steps {
            let (mark, colour) = if stretch.holds { ("✓", Green) } else { ("✗", Red) };
            let first = format!("{mark} {:<10} ", stretch.step);
            let line = wrap(&printable(&stretch.says), style.width, &first, "             ");
            lines.push(style.paint(colour, &line));
        }
        lines.push(match (admitted, status) {
            (true, Some(status)) => style.bold(&format!("Admitted: {status}")),
            (true, None) => style.bold("Admitted"),
            (false, Some(status)) => style.bold(&format!("Refused: {status}")),
            (false, None) => style.bold("No answer"),
        });
        // Whoever asked may copy it: it isn't broken into lines.
        lines.extend(body.as_deref().map(printable_lines));
        lines.join("\n")
    }

    /// Whether the request got what it asked for.
    pub fn admitted(&self) -> bool {
        self.response.admitted
    }
}

/// A body without what could make a terminal do something.
fn printable_lines(body: &str) -> String {
    body.lines().map(printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::sandbox::world::request::{Step, Stretch};

    fn refused() -> RequestDocument {
        let stretch = |step, holds, says: &str| Stretch { step, holds, says: says.to_owned() };
        RequestDocument::of(Response {
            account: None,
            region: None,
            from: "internet".into(),
            address: None,
            url: "https://d-1.studio.us-east-1.sagemaker.aws/auth?token=…".into(),
            admitted: false,
            status: Some(403),
            ended_at: Some(Step::Studio),
            steps: vec![
                stretch(Step::Name, true, "d-1.studio.us-east-1.sagemaker.aws has public addresses"),
                stretch(Step::Studio, false, "who made the URL may not from here"),
            ],
            body: Some("Auth token containing insufficient permissions".into()),
        })
    }

    #[test]
    fn people_see_the_way_and_what_was_answered() {
        assert_snapshot!(refused().text(Style::plain(60)), @"
        GET https://d-1.studio.us-east-1.sagemaker.aws/auth?token=…,
            from the internet
        ✓ name       d-1.studio.us-east-1.sagemaker.aws has public
                     addresses
        ✗ studio     who made the URL may not from here
        Refused: 403
        Auth token containing insufficient permissions
        ");
    }

    #[test]
    fn programs_get_the_same_by_name() {
        let expected = json!({
            "target": "sandbox",
            "account": null,
            "region": null,
            "from": "internet",
            "url": "https://d-1.studio.us-east-1.sagemaker.aws/auth?token=…",
            "admitted": false,
            "status": 403,
            "ended_at": "studio",
            "steps": [
                {"step": "name", "holds": true, "says": "d-1.studio.us-east-1.sagemaker.aws has public addresses"},
                {"step": "studio", "holds": false, "says": "who made the URL may not from here"},
            ],
            "body": "Auth token containing insufficient permissions",
        });
        assert_eq!(serde_json::to_value(refused()).unwrap(), expected);
    }
}
