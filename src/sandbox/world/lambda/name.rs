//! How calls name a function: by its name, its ARN, or a part of that.

use super::function::Function;
use super::{Lambda, not_found};
use crate::sandbox::api::ApiError;
use crate::sandbox::world::Context;

/// The one version that every function has.
pub const LATEST: &str = "$LATEST";

/// The ARN of a function of the caller.
pub fn function_arn(context: &Context<'_>, name: &str) -> String {
    context.arn("lambda", &format!("function:{name}"))
}

/// A function's name as a call has it.
#[derive(Debug, PartialEq)]
pub struct Reference<'a> {
    pub name: &'a str,
    /// The version or alias.
    pub qualifier: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Reads `name`, `ACCOUNT:function:name` or a whole ARN, each with `:QUALIFIER` or without; `qualifier` is what
    /// the call has besides. `None` for what is in another account or Region.
    pub fn parse(context: &Context<'_>, text: &'a str, qualifier: Option<&'a str>) -> Option<Self> {
        let before = [context.arn("lambda", ""), format!("{}:", context.account), String::new()];
        let mut prefixes = before.iter().map(|before| format!("{before}function:"));
        let rest = match prefixes.find_map(|prefix| text.strip_prefix(&prefix)) {
            None if text.starts_with("arn:") => return None,
            rest => rest.unwrap_or(text),
        };
        let (name, own) = match rest.split_once(':') {
            Some((name, own)) => (name, Some(own)),
            None => (rest, None),
        };
        Some(Self { name, qualifier: own.or(qualifier) })
    }
}

impl Lambda {
    /// The name under which the function is kept that a call means.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, for versions and aliases too.
    pub(super) fn name_of(
        &self,
        context: &Context<'_>,
        text: &str,
        qualifier: Option<&str>,
    ) -> Result<String, ApiError> {
        let Some(reference) = Reference::parse(context, text, qualifier) else {
            return Err(not_found(format!("Function not found: {text}")));
        };
        let Reference { name, qualifier } = reference;
        let arn = function_arn(context, name);
        match qualifier {
            _ if !self.functions.contains_key(name) => Err(not_found(format!("Function not found: {arn}"))),
            None | Some(LATEST) => Ok(name.to_owned()),
            Some(qualifier) => Err(not_found(format!("Function not found: {arn}:{qualifier}"))),
        }
    }

    /// The function that a call means, with its name.
    ///
    /// # Errors
    /// As [`Lambda::name_of`].
    pub(super) fn function(&self, context: &Context<'_>, text: &str) -> Result<(String, &Function), ApiError> {
        let name = self.name_of(context, text, None)?;
        let function = self.functions.get(&name).ok_or_else(|| not_found("Function not found"))?;
        Ok((name, function))
    }

    /// The function that a call means, to change.
    ///
    /// # Errors
    /// As [`Lambda::name_of`].
    pub(super) fn function_mut(
        &mut self,
        context: &Context<'_>,
        text: &str,
    ) -> Result<(String, &mut Function), ApiError> {
        let name = self.name_of(context, text, None)?;
        let function = self.functions.get_mut(&name).ok_or_else(|| not_found("Function not found"))?;
        Ok((name, function))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;

    #[test]
    fn a_function_goes_by_its_name_its_arn_and_what_lies_between() {
        let mut world = Sandbox::new();
        world.create("presign");
        for name in [
            "presign",
            "presign:$LATEST",
            "function:presign",
            "111122223333:function:presign",
            "arn:aws:lambda:us-east-1:111122223333:function:presign",
            "arn:aws:lambda:us-east-1:111122223333:function:presign:$LATEST",
        ] {
            let found = world.ok("GetFunctionConfiguration", json!({"FunctionName": name}));
            assert_eq!(found["FunctionName"], "presign", "{name}");
        }
        for name in [
            "other",
            "presign:1",
            "444455556666:function:presign",
            "arn:aws:lambda:eu-west-1:111122223333:function:presign",
            "arn:aws:lambda:us-east-1:111122223333:layer:presign",
        ] {
            let refused = world.refused("GetFunctionConfiguration", json!({"FunctionName": name}));
            assert_eq!(refused, "ResourceNotFoundException", "{name}");
        }
        world.create("my-function");
        let found = world.ok("GetFunctionConfiguration", json!({"FunctionName": "my-function:$LATEST"}));
        assert_eq!(found["FunctionName"], "my-function");
        let alias = json!({"FunctionName": "presign", "Qualifier": "live"});
        assert_eq!(world.refused("GetFunction", alias), "ResourceNotFoundException");
    }
}
