//! What all functions of the account and Region share: executions and room for code.

use serde::Deserialize;
use serde_json::{Value, json};

use super::function::FunctionName;
use super::{Lambda, invalid};
use crate::sandbox::api::Answer;
use crate::sandbox::world::Context;

/// Executions at the same time, and how many of them are kept for the functions that none are reserved for.
const CONCURRENCY: i64 = 1000;
const MIN_UNRESERVED: i64 = 100;
/// Bytes of all code, of one unpacked archive, and of one as it is uploaded.
const MAX_CODE: i64 = 80_530_636_800;
const MAX_UNZIPPED: i64 = 262_144_000;
const MAX_ZIPPED: i64 = 52_428_800;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PutConcurrency {
    function_name: String,
    reserved_concurrent_executions: i64,
}

impl Lambda {
    pub(super) fn account_settings(&self) -> Value {
        let size: usize = self.functions.values().map(|function| function.code_size).sum();
        json!({
            "AccountLimit": {
                "TotalCodeSize": MAX_CODE,
                "CodeSizeUnzipped": MAX_UNZIPPED,
                "CodeSizeZipped": MAX_ZIPPED,
                "ConcurrentExecutions": CONCURRENCY,
                "UnreservedConcurrentExecutions": self.unreserved(),
            },
            "AccountUsage": {"TotalCodeSize": size, "FunctionCount": self.functions.len()},
        })
    }

    pub(super) fn put_concurrency(&mut self, context: &Context<'_>, request: PutConcurrency) -> Answer {
        let wanted = request.reserved_concurrent_executions;
        self.function_mut(context, &request.function_name)?.1.reserved = Some(wanted);
        if self.unreserved() < MIN_UNRESERVED {
            return Err(invalid(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's \
                 UnreservedConcurrentExecution below its minimum value of [{MIN_UNRESERVED}]."
            )));
        }
        Ok(json!({"ReservedConcurrentExecutions": wanted}))
    }

    pub(super) fn get_concurrency(&self, context: &Context<'_>, request: FunctionName) -> Answer {
        Ok(match self.function(context, &request.function_name)?.1.reserved {
            Some(reserved) => json!({"ReservedConcurrentExecutions": reserved}),
            None => json!({}),
        })
    }

    pub(super) fn delete_concurrency(&mut self, context: &Context<'_>, request: FunctionName) -> Answer {
        self.function_mut(context, &request.function_name)?.1.reserved = None;
        Ok(json!({}))
    }

    fn unreserved(&self) -> i64 {
        CONCURRENCY - self.functions.values().filter_map(|function| function.reserved).sum::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn executions_are_reserved_while_a_hundred_remain() {
        let mut world = Sandbox::new();
        world.create("presign");
        world.create("other");
        let put = |name: &str, count: i64| json!({"FunctionName": name, "ReservedConcurrentExecutions": count});
        let name = json!({"FunctionName": "presign"});
        assert_eq!(world.ok("GetFunctionConcurrency", name.clone()), json!({}));
        world.ok("PutFunctionConcurrency", put("presign", 900));
        assert_eq!(world.refused("PutFunctionConcurrency", put("other", 1)), "InvalidParameterValueException");
        let reserved = json!({"ReservedConcurrentExecutions": 900});
        assert_eq!(world.ok("GetFunctionConcurrency", name.clone()), reserved);
        assert_eq!(world.ok("GetFunction", name.clone())["Concurrency"], reserved);
        let settings = world.ok("GetAccountSettings", json!({}));
        assert_eq!(settings["AccountLimit"]["UnreservedConcurrentExecutions"], 100);
        assert_eq!(settings["AccountUsage"]["FunctionCount"], 2);
        world.ok("DeleteFunctionConcurrency", name.clone());
        assert_eq!(world.ok("GetFunctionConcurrency", name), json!({}));
    }
}
