//! What becomes of the answer of a call that had to be made on the way.

use serde_json::{Value, json};

use super::{End, Step, Stretch};
use crate::sandbox::api::{Answer, ApiError};

/// Who is answered when SageMaker has made a URL, or refused to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// The one who asked.
    Itself,
    /// The portal's function, which answers in turn.
    Function,
}

impl Answerer {
    /// Notes what came of the call, and says with what the request ends.
    pub(super) fn answer(self, stretches: &mut Vec<Stretch>, answer: Answer) -> End {
        let (holds, says) = match &answer {
            Ok(_) => (true, "SageMaker makes the URL".to_owned()),
            Err(error) => (false, format!("SageMaker refuses: {error}")),
        };
        stretches.push(Stretch { step: Step::Presign, holds, says });
        let (status, body) = match (self, answer) {
            (Self::Itself, Ok(made)) => (200, made.to_string()),
            (Self::Itself, Err(error)) => (error.status, json_error(&error.code, &error.message)),
            (Self::Function, Ok(made)) => (200, python(&json!({"url": made["AuthorizedUrl"]}))),
            (Self::Function, Err(error)) => of_function(&error),
        };
        End { admitted: holds, status: Some(status), body: Some(body) }
    }
}

/// A refusal as services with a JSON protocol write it.
pub fn json_error(code: &str, message: &str) -> String {
    json!({"__type": code, "message": message}).to_string()
}

/// What `presign.py` makes of a refusal.
pub fn of_function(error: &ApiError) -> (u16, String) {
    match error.code.as_str() {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            (403, said("AWS refuses to make the URL: this way is not the one that the policy asks for."))
        }
        _ => (502, said("AWS could not make the URL.")),
    }
}

/// A body of the function that says something.
pub fn said(message: &str) -> String {
    python(&json!({"message": message}))
}

/// An object of one member as Python writes it.
fn python(object: &Value) -> String {
    object.to_string().replacen("\":", "\": ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_answers_with_the_url_alone() {
        let mut stretches = Vec::new();
        let end = Answerer::Function.answer(&mut stretches, Ok(json!({"AuthorizedUrl": "https://d-1/auth?token=t"})));
        assert_eq!(end.body.as_deref(), Some(r#"{"url": "https://d-1/auth?token=t"}"#));
        assert_eq!((end.status, end.admitted), (Some(200), true));
        assert!(!stretches[0].says.contains("token"));
    }

    #[test]
    fn a_refusal_is_told_in_each_ones_words() {
        let refusal = || Err(ApiError::new("ResourceNotFound", "Domain is gone"));
        let end = |answerer: Answerer| answerer.answer(&mut Vec::new(), refusal());
        let function = end(Answerer::Function);
        assert_eq!(function.status, Some(502));
        assert_eq!(function.body.as_deref(), Some(r#"{"message": "AWS could not make the URL."}"#));
        let itself = end(Answerer::Itself);
        assert_eq!(itself.status, Some(400));
        assert_eq!(itself.body.as_deref(), Some(r#"{"__type":"ResourceNotFound","message":"Domain is gone"}"#));
        assert!(!function.admitted && !itself.admitted);
    }
}
