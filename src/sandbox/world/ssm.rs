//! SSM's Parameter Store in one account and Region.

use super::ec2::{published_images, regions};
use super::sts::caller_arn;
use super::{Context, not_implemented};
use crate::sandbox::api::{Answer, ApiError, Call};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const MAX_PARAMETERS: usize = 10_000;
const MAX_VERSIONS: usize = 100;
const MAX_LEVELS: usize = 15;
const MAX_NAME: usize = 1011;
const MAX_TAGS: usize = 50;
/// Bytes of a value in the Standard and the Advanced tier.
const MAX_STANDARD: usize = 4096;
const MAX_ADVANCED: usize = 8192;

const STANDARD: &str = "Standard";
const ADVANCED: &str = "Advanced";

/// Where AWS publishes parameters of its own.
const PUBLIC: &str = "/aws/service";
/// When it published what its Regions are called.
const REGIONS_PUBLISHED: Timestamp = Timestamp::constant(1_577_836_800, 0);

/// The parameters of one account and Region, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ssm {
    parameters: BTreeMap<String, Parameter>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parameter {
    kind: String,
    tier: String,
    data_type: String,
    description: Option<String>,
    key_id: Option<String>,
    tags: BTreeMap<String, String>,
    /// Oldest first, never empty.
    versions: VecDeque<Version>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Version {
    number: u64,
    value: String,
    modified: Timestamp,
    user: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Filter {
    key: String,
    option: Option<String>,
    values: Vec<String>,
}

/// The members that these operations take; the wire has checked which of them each requires, and their lengths.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    name: String,
    names: Vec<String>,
    path: String,
    value: String,
    #[serde(rename = "Type")]
    kind: Option<String>,
    tier: Option<String>,
    data_type: Option<String>,
    description: Option<String>,
    key_id: Option<String>,
    allowed_pattern: Option<String>,
    policies: Option<String>,
    overwrite: bool,
    with_decryption: bool,
    recursive: bool,
    resource_type: String,
    resource_id: String,
    tags: Vec<Tag>,
    tag_keys: Vec<String>,
    filters: Vec<Filter>,
    parameter_filters: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Ssm {
    /// Answers one call of SSM.
    pub fn handle(&mut self, context: &mut Context<'_>, call: &Call) -> Answer {
        let input: Input = serde_json::from_value(call.input.clone()).map_err(|error| invalid(error.to_string()))?;
        match call.operation.as_str() {
            "PutParameter" if input.allowed_pattern.is_some() => Err(not_implemented(call, "AllowedPattern of")),
            "PutParameter" if input.policies.is_some() => Err(not_implemented(call, "Policies of")),
            "PutParameter" => self.put(context, input),
            "GetParameter" => {
                let parameter = self.get(context, &input.name, input.with_decryption)?;
                Ok(json!({ "Parameter": parameter }))
            }
            "GetParameters" => Ok(self.get_several(context, &input)),
            "GetParametersByPath" => self.get_by_path(context, &input),
            "DeleteParameter" => match self.parameters.remove(&input.name) {
                Some(_) => Ok(json!({})),
                None => Err(not_found(&input.name)),
            },
            "DeleteParameters" => Ok(self.delete_several(&input)),
            "DescribeParameters" => self.describe(context, &input),
            "AddTagsToResource" => self.add_tags(input),
            "RemoveTagsFromResource" => {
                self.tagged(&input)?.retain(|key, _| !input.tag_keys.contains(key));
                Ok(json!({}))
            }
            "ListTagsForResource" => {
                let tags = self.tagged(&input)?.iter();
                Ok(
                    json!({ "TagList": tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect::<Vec<_>>() }),
                )
            }
            _ => Err(not_implemented(call, "the operation")),
        }
    }

    /// Everything that stands in the account and Region.
    pub fn standing(&self, _now: Timestamp) -> Value {
        json!(self)
    }

    fn put(&mut self, context: &mut Context<'_>, input: Input) -> Answer {
        check_name(&input.name)?;
        if input.overwrite && !input.tags.is_empty() {
            return Err(invalid(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
                 remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
                 RemoveTagsFromResource.",
            ));
        }
        if input.value.is_empty() {
            return Err(invalid("Parameter value can't be empty."));
        }
        let old = self.parameters.get(&input.name);
        if old.is_some() && !input.overwrite {
            return Err(ApiError::new(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
            ));
        }
        if old.is_none() && self.parameters.len() >= MAX_PARAMETERS {
            let message = "You have exceeded the number of parameters for this AWS account.";
            return Err(ApiError::new("ParameterLimitExceeded", message));
        }
        let kind = match (old, input.kind) {
            (Some(old), Some(kind)) if old.kind != kind => {
                let message = format!("The type of {} can't be changed from {} to {kind}.", input.name, old.kind);
                return Err(ApiError::new("HierarchyTypeMismatchException", message));
            }
            (Some(old), _) => old.kind.clone(),
            (None, Some(kind)) => kind,
            (None, None) => return Err(invalid("A parameter type is required when you create a parameter.")),
        };
        let tier = choose_tier(old, input.tier.as_deref(), &input.value)?;
        let data_type = input.data_type.unwrap_or_else(|| "text".to_owned());
        if !["text", "aws:ec2:image", "aws:ssm:integration"].contains(&data_type.as_str()) {
            return Err(invalid(format!("The following data type is not supported: {data_type}")));
        }
        let encrypted = kind == "SecureString";
        if input.key_id.is_some() && !encrypted {
            return Err(invalid("KeyId is required for SecureString type parameter only."));
        }
        let default_key = || encrypted.then(|| "alias/aws/ssm".to_owned());
        let mut versions = old.map(|old| old.versions.clone()).unwrap_or_default();
        let number = versions.back().map_or(1, |last| last.number + 1);
        versions.push_back(Version { number, value: input.value, modified: context.now, user: caller_arn(context) });
        if versions.len() > MAX_VERSIONS {
            versions.pop_front();
        }
        let mut parameter = Parameter {
            kind,
            tier: tier.to_owned(),
            data_type,
            description: input.description.or_else(|| old.and_then(|old| old.description.clone())),
            key_id: input.key_id.or_else(|| old.and_then(|old| old.key_id.clone())).or_else(default_key),
            tags: old.map(|old| old.tags.clone()).unwrap_or_default(),
            versions,
        };
        put_tags(&mut parameter.tags, input.tags)?;
        self.parameters.insert(input.name, parameter);
        Ok(json!({ "Version": number, "Tier": tier }))
    }

    /// One parameter by name, ARN, or either with `:VERSION`.
    fn get(&self, context: &Context<'_>, name: &str, decrypted: bool) -> Answer {
        let (plain, selector) = split_selector(name);
        let public = public_parameters(context, plain);
        let found = find(&self.parameters, plain).or_else(|| find(&public, plain));
        let (key, parameter) = found.ok_or_else(|| not_found(name))?;
        let version = match selector {
            None => parameter.versions.back(),
            Some(selector) => {
                let number: Option<u64> = selector.parse().ok();
                parameter.versions.iter().find(|version| Some(version.number) == number)
            }
        };
        let version = version.ok_or_else(|| {
            let message =
                format!("Systems Manager could not find version {} of {plain}.", selector.unwrap_or_default());
            ApiError::new("ParameterVersionNotFound", message)
        })?;
        let mut described = parameter.with_value(context, key, version, decrypted);
        if let Some(selector) = selector {
            described["Selector"] = json!(format!(":{selector}"));
        }
        Ok(described)
    }

    fn get_several(&self, context: &Context<'_>, input: &Input) -> Value {
        let names: BTreeSet<&String> = input.names.iter().collect();
        let (mut parameters, mut missing) = (Vec::new(), Vec::new());
        for name in names {
            match self.get(context, name, input.with_decryption) {
                Ok(parameter) => parameters.push(parameter),
                Err(_) => missing.push(name),
            }
        }
        json!({ "Parameters": parameters, "InvalidParameters": missing })
    }

    fn delete_several(&mut self, input: &Input) -> Value {
        let names: BTreeSet<&String> = input.names.iter().collect();
        let (deleted, missing): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| self.parameters.remove(*name).is_some());
        json!({ "DeletedParameters": deleted, "InvalidParameters": missing })
    }

    fn get_by_path(&self, context: &Context<'_>, input: &Input) -> Answer {
        if !input.path.starts_with('/') {
            return Err(invalid(
                "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a \
                 forward slash \"/\".",
            ));
        }
        check_filters(&input.parameter_filters, &["Type", "KeyId", "Label"])?;
        // Nobody can put a parameter of their own where AWS's are, so the two never mix.
        let public = public_parameters(context, &input.path);
        let under = self.parameters.iter().chain(&public).filter(|(name, parameter)| {
            is_under(name, &input.path, input.recursive)
                && input.parameter_filters.iter().all(|filter| parameter.matches(name, filter))
        });
        paged(input, 10, under, |name, parameter| {
            parameter.versions.back().map(|last| parameter.with_value(context, name, last, input.with_decryption))
        })
    }

    fn describe(&self, context: &Context<'_>, input: &Input) -> Answer {
        if !input.filters.is_empty() && !input.parameter_filters.is_empty() {
            return Err(invalid("You can't use both Filters and ParameterFilters in the same request."));
        }
        check_filters(&input.parameter_filters, &["Name", "Path", "Type", "KeyId", "Tier", "DataType", "tag:"])?;
        let matching = self.parameters.iter().filter(|(name, parameter)| {
            input.parameter_filters.iter().all(|filter| parameter.matches(name, filter))
                && input.filters.iter().all(|filter| parameter.matches_prefix(name, filter))
        });
        paged(input, 50, matching, |name, parameter| {
            parameter.versions.back().map(|last| parameter.metadata(context, name, last))
        })
    }

    fn add_tags(&mut self, input: Input) -> Answer {
        let mut tags = self.tagged(&input)?.clone();
        put_tags(&mut tags, input.tags.clone())?;
        *self.tagged(&input)? = tags;
        Ok(json!({}))
    }

    fn tagged(&mut self, input: &Input) -> Result<&mut BTreeMap<String, String>, ApiError> {
        let parameter = match input.resource_type.as_str() {
            "Parameter" => self.parameters.get_mut(&input.resource_id),
            _ => None,
        };
        parameter.map(|parameter| &mut parameter.tags).ok_or_else(|| {
            let message = format!("The resource ID \"{}\" is not valid.", input.resource_id);
            ApiError::new("InvalidResourceId", message)
        })
    }
}

impl Parameter {
    fn with_value(&self, context: &Context<'_>, name: &str, version: &Version, decrypted: bool) -> Value {
        let value = match self.kind.as_str() {
            "SecureString" if !decrypted => BASE64_STANDARD.encode(Sha256::digest(&version.value)),
            _ => version.value.clone(),
        };
        json!({
            "Name": name,
            "Type": self.kind,
            "Value": value,
            "Version": version.number,
            "LastModifiedDate": version.modified,
            "ARN": arn(context, name),
            "DataType": self.data_type,
        })
    }

    fn metadata(&self, context: &Context<'_>, name: &str, version: &Version) -> Value {
        let mut metadata = json!({
            "Name": name,
            "ARN": arn(context, name),
            "Type": self.kind,
            "LastModifiedDate": version.modified,
            "LastModifiedUser": version.user,
            "Version": version.number,
            "Tier": self.tier,
            "Policies": [],
            "DataType": self.data_type,
        });
        for (member, value) in [("Description", &self.description), ("KeyId", &self.key_id)] {
            if let Some(value) = value {
                metadata[member] = json!(value);
            }
        }
        metadata
    }

    fn matches(&self, name: &str, filter: &Filter) -> bool {
        let option = filter.option.as_deref();
        if filter.key == "Path" {
            return filter.values.iter().any(|path| is_under(name, path, option == Some("Recursive")));
        }
        let Some(actual) = self.filtered(name, &filter.key) else { return false };
        let matches = |wanted: &String| match option {
            Some("BeginsWith") => actual.starts_with(wanted.as_str()),
            Some("Contains") => actual.contains(wanted.as_str()),
            _ => actual == wanted,
        };
        filter.values.is_empty() || filter.values.iter().any(matches)
    }

    /// The older kind of filter takes the beginning of a name.
    fn matches_prefix(&self, name: &str, filter: &Filter) -> bool {
        let actual = self.filtered(name, &filter.key).unwrap_or_default();
        filter.values.iter().any(|wanted| actual.starts_with(wanted.as_str()))
    }

    /// What a filter of this key compares with.
    fn filtered<'a>(&'a self, name: &'a str, key: &str) -> Option<&'a str> {
        match key {
            "Name" => Some(name),
            "Type" => Some(&self.kind),
            "KeyId" => self.key_id.as_deref(),
            "Tier" => Some(&self.tier),
            "DataType" => Some(&self.data_type),
            _ => self.tags.get(key.strip_prefix("tag:")?).map(String::as_str),
        }
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let first = name.trim_start_matches('/').to_lowercase();
    if first.starts_with("aws") {
        let message = format!("No access to reserved parameter name: {name}.");
        return Err(ApiError::new("AccessDeniedException", message));
    }
    let part_is_well_formed = |part: &str| {
        !part.is_empty() && part.chars().all(|character| character.is_ascii_alphanumeric() || "._-".contains(character))
    };
    let path = name.strip_prefix('/').unwrap_or(name);
    if first.starts_with("ssm") || !path.split('/').all(part_is_well_formed) {
        return Err(invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of \
             sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
             following 3 symbols .-_",
        ));
    }
    if path.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if name.len() > MAX_NAME {
        return Err(invalid(format!("Parameter name must be at most {MAX_NAME} characters long.")));
    }
    if path.split('/').count() > MAX_LEVELS {
        let message = format!("A parameter name can have at most {MAX_LEVELS} levels.");
        return Err(ApiError::new("HierarchyLevelLimitExceededException", message));
    }
    Ok(())
}

/// The tier a value goes to. Without being told, a parameter stays in the tier it is in.
fn choose_tier(old: Option<&Parameter>, wanted: Option<&str>, value: &str) -> Result<&'static str, ApiError> {
    let was_advanced = old.is_some_and(|old| old.tier == ADVANCED);
    let tier = match wanted {
        Some("Intelligent-Tiering") if value.len() > MAX_STANDARD || was_advanced => ADVANCED,
        Some(ADVANCED) => ADVANCED,
        None if was_advanced => ADVANCED,
        _ => STANDARD,
    };
    if tier == STANDARD && was_advanced {
        return Err(invalid(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
             advanced-parameter tier to the standard-parameter tier.",
        ));
    }
    let most = if tier == STANDARD { MAX_STANDARD } else { MAX_ADVANCED };
    if value.len() > most {
        return Err(invalid(format!("{tier} tier parameters support a maximum parameter value of {most} characters.")));
    }
    Ok(tier)
}

fn put_tags(tags: &mut BTreeMap<String, String>, new: Vec<Tag>) -> Result<(), ApiError> {
    if new.iter().any(|tag| tag.key.to_lowercase().starts_with("aws:")) {
        return Err(invalid("Tag keys can't start with the reserved prefix aws:."));
    }
    tags.extend(new.into_iter().map(|tag| (tag.key, tag.value)));
    if tags.len() > MAX_TAGS {
        let message = format!("A resource can have at most {MAX_TAGS} tags.");
        return Err(ApiError::new("TooManyTagsError", message));
    }
    Ok(())
}

/// Refuses filters that the operation lacks, so that none is passed over.
fn check_filters(filters: &[Filter], known: &[&str]) -> Result<(), ApiError> {
    for filter in filters {
        let key = filter.key.split_inclusive(':').next().unwrap_or_default();
        if !known.contains(&key) || key == "Label" {
            let message = format!("The following filter key is not valid: {}.", filter.key);
            return Err(ApiError::new("InvalidFilterKey", message));
        }
        let options: &[&str] = match key {
            "Name" => &["Equals", "BeginsWith", "Contains"],
            "Path" => &["OneLevel", "Recursive"],
            "KeyId" => &["Equals", "BeginsWith"],
            _ => &["Equals"],
        };
        if let Some(option) = &filter.option
            && !options.contains(&option.as_str())
        {
            let message =
                format!("The following filter option is not valid: {option}. Valid options include: {options:?}.");
            return Err(ApiError::new("InvalidFilterOption", message));
        }
        if filter.values.is_empty() && key != "tag:" {
            let message = format!("The filter {} needs a value.", filter.key);
            return Err(ApiError::new("InvalidFilterValue", message));
        }
    }
    Ok(())
}

fn is_under(name: &str, path: &str, recursive: bool) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let below = name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
    below.is_some_and(|below| recursive || !below.contains('/'))
}

/// One page of parameters, in the order of their names.
fn paged<'a>(
    input: &Input,
    most: usize,
    parameters: impl Iterator<Item = (&'a String, &'a Parameter)>,
    describe: impl Fn(&str, &Parameter) -> Option<Value>,
) -> Answer {
    let after = match &input.next_token {
        None => None,
        Some(token) => {
            let name = BASE64_STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Some(name.ok_or_else(|| ApiError::new("InvalidNextToken", "The specified token is not valid."))?)
        }
    };
    let size = input.max_results.unwrap_or(most);
    if !(1..=most).contains(&size) {
        return Err(invalid(format!("MaxResults must be between 1 and {most}.")));
    }
    let mut rest = parameters.filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after));
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let more = rest.next().is_some();
    let described: Vec<Value> = page.iter().filter_map(|(name, parameter)| describe(name, parameter)).collect();
    let mut answer = json!({ "Parameters": described });
    if let Some((last, _)) = page.last().filter(|_| more) {
        answer["NextToken"] = json!(BASE64_STANDARD.encode(last));
    }
    Ok(answer)
}

fn find<'a>(parameters: &'a BTreeMap<String, Parameter>, name_or_arn: &str) -> Option<(&'a String, &'a Parameter)> {
    let name = match name_or_arn.split_once(":parameter/") {
        Some((_, name)) if parameters.contains_key(name) => name.to_owned(),
        Some((_, name)) => format!("/{name}"),
        None => name_or_arn.to_owned(),
    };
    parameters.get_key_value(&name)
}

/// The parameters that AWS publishes, if that is where a name, an ARN or a path leads; DescribeParameters has none.
fn public_parameters(context: &Context<'_>, name: &str) -> BTreeMap<String, Parameter> {
    let mut parameters = BTreeMap::new();
    if !name.contains(PUBLIC) {
        return parameters;
    }
    let mut publish = |name: String, number: u64, value: String, modified: Timestamp| {
        let parameter = parameters.entry(name).or_insert_with(|| Parameter {
            kind: "String".to_owned(),
            tier: STANDARD.to_owned(),
            data_type: "text".to_owned(),
            description: None,
            key_id: None,
            tags: BTreeMap::new(),
            versions: VecDeque::new(),
        });
        parameter.versions.push_back(Version { number, value, modified, user: "amazon".to_owned() });
    };
    for image in published_images(context.region, context.now) {
        for name in image.parameters() {
            publish(name, image.version, image.id.clone(), image.published);
        }
    }
    for (region, words) in regions() {
        let name = format!("{PUBLIC}/global-infrastructure/regions/{region}");
        publish(format!("{name}/longName"), 1, words.to_owned(), REGIONS_PUBLISHED);
        publish(name, 1, region.to_owned(), REGIONS_PUBLISHED);
    }
    parameters
}

/// `/a/b:3` is version 3 of `/a/b`; an ARN has colons of its own.
fn split_selector(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((plain, selector)) if !selector.starts_with("parameter/") => (plain, Some(selector)),
        _ => (name, None),
    }
}

fn arn(context: &Context<'_>, name: &str) -> String {
    if name.starts_with(PUBLIC) {
        return format!("arn:{}:ssm:{}::parameter{name}", context.partition(), context.region);
    }
    context.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
}

fn not_found(name: &str) -> ApiError {
    ApiError::new("ParameterNotFound", format!("Parameter {name} not found."))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

#[cfg(test)]
mod tests {
    use super::super::{Durations, Moment, World};
    use super::*;

    struct Store {
        world: World,
        region: &'static str,
    }

    impl Store {
        fn new() -> Self {
            Store { world: World::new(1), region: "us-east-1" }
        }

        fn answer(&mut self, operation: &str, input: Value) -> Answer {
            let call = Call {
                service: "ssm".to_owned(),
                operation: operation.to_owned(),
                account: "111122223333".to_owned(),
                region: self.region.to_owned(),
                access_key: "111122223333".to_owned(),
                input,
            };
            let moment =
                Moment { durations: Durations::Instant, ..Moment::at("2026-01-01T00:00:00Z".parse().unwrap()) };
            self.world.handle(&moment, &call)
        }

        fn ok(&mut self, operation: &str, input: Value) -> Value {
            self.answer(operation, input).unwrap()
        }

        fn refused(&mut self, operation: &str, input: Value) -> String {
            self.answer(operation, input).unwrap_err().code
        }

        fn put(&mut self, name: &str, value: &str) -> Value {
            self.ok("PutParameter", json!({ "Name": name, "Value": value, "Type": "String" }))
        }

        fn names(&mut self, operation: &str, input: Value) -> Vec<String> {
            let parameters = self.ok(operation, input)["Parameters"].take();
            let name = |parameter: &Value| parameter["Name"].as_str().unwrap().to_owned();
            parameters.as_array().unwrap().iter().map(name).collect()
        }
    }

    #[test]
    fn a_parameter_is_created_once_and_overwritten_on_demand() {
        let mut ssm = Store::new();
        assert_eq!(ssm.put("/lab/a", "one"), json!({ "Version": 1, "Tier": "Standard" }));
        let mut put = json!({ "Name": "/lab/a", "Value": "two", "Type": "String" });
        assert_eq!(ssm.refused("PutParameter", put.clone()), "ParameterAlreadyExists");
        put["Overwrite"] = json!(true);
        assert_eq!(ssm.ok("PutParameter", put)["Version"], 2);
        let now = ssm.ok("GetParameter", json!({ "Name": "/lab/a" }));
        assert_eq!((&now["Parameter"]["Value"], &now["Parameter"]["Version"]), (&json!("two"), &json!(2)));
        assert_eq!(now["Parameter"]["ARN"], "arn:aws:ssm:us-east-1:111122223333:parameter/lab/a");
        let first = ssm.ok("GetParameter", json!({ "Name": "/lab/a:1" }));
        assert_eq!((&first["Parameter"]["Value"], &first["Parameter"]["Selector"]), (&json!("one"), &json!(":1")));
        assert_eq!(ssm.refused("GetParameter", json!({ "Name": "/lab/a:9" })), "ParameterVersionNotFound");
        assert_eq!(ssm.refused("GetParameter", json!({ "Name": "/lab/b" })), "ParameterNotFound");
        let by_arn = json!({ "Name": "arn:aws:ssm:us-east-1:111122223333:parameter/lab/a" });
        assert_eq!(ssm.ok("GetParameter", by_arn)["Parameter"]["Value"], "two");
    }

    #[test]
    fn tags_and_overwrite_exclude_each_other() {
        let mut ssm = Store::new();
        let mut put = json!({ "Name": "a", "Value": "v", "Type": "String", "Tags": [{ "Key": "k", "Value": "v" }] });
        put["Overwrite"] = json!(true);
        assert_eq!(ssm.refused("PutParameter", put.clone()), "ValidationException");
        put["Overwrite"] = json!(false);
        ssm.ok("PutParameter", put);
        let overwrite = json!({ "Name": "a", "Value": "w", "Overwrite": true });
        ssm.ok("PutParameter", overwrite);
        let tags = ssm.ok("ListTagsForResource", json!({ "ResourceType": "Parameter", "ResourceId": "a" }));
        assert_eq!(tags["TagList"], json!([{ "Key": "k", "Value": "v" }]));
    }

    #[test]
    fn values_have_the_size_of_their_tier() {
        let mut ssm = Store::new();
        let mut put = json!({ "Name": "a", "Value": "x".repeat(4097), "Type": "String" });
        assert_eq!(ssm.refused("PutParameter", put.clone()), "ValidationException");
        put["Tier"] = json!("Intelligent-Tiering");
        assert_eq!(ssm.ok("PutParameter", put.clone())["Tier"], "Advanced");
        put["Overwrite"] = json!(true);
        put["Value"] = json!("small");
        put["Tier"] = json!("Standard");
        assert_eq!(ssm.refused("PutParameter", put), "ValidationException");
        ssm.put("b", &"x".repeat(4096));
        let empty = json!({ "Name": "c", "Value": "", "Type": "String" });
        assert_eq!(ssm.refused("PutParameter", empty), "ValidationException");
    }

    #[test]
    fn names_follow_the_rules() {
        let mut ssm = Store::new();
        for (name, code) in [
            ("/aws/x", "AccessDeniedException"),
            ("AWSthing", "AccessDeniedException"),
            ("/Ssm/x", "ValidationException"),
            ("a/b", "ValidationException"),
            ("/a//b", "ValidationException"),
            ("/a/", "ValidationException"),
            ("/a b", "ValidationException"),
            ("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", "HierarchyLevelLimitExceededException"),
        ] {
            let put = json!({ "Name": name, "Value": "v", "Type": "String" });
            assert_eq!(ssm.refused("PutParameter", put), code, "{name}");
        }
        ssm.put("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15", "v");
        ssm.put("plain-Name_1.x", "v");
    }

    #[test]
    fn a_new_parameter_needs_a_type_and_keeps_it() {
        let mut ssm = Store::new();
        assert_eq!(ssm.refused("PutParameter", json!({ "Name": "a", "Value": "v" })), "ValidationException");
        ssm.put("a", "v");
        let change = json!({ "Name": "a", "Value": "v", "Type": "StringList", "Overwrite": true });
        assert_eq!(ssm.refused("PutParameter", change), "HierarchyTypeMismatchException");
    }

    #[test]
    fn a_secure_string_is_readable_only_decrypted() {
        let mut ssm = Store::new();
        ssm.ok("PutParameter", json!({ "Name": "s", "Value": "secret", "Type": "SecureString" }));
        assert_ne!(ssm.ok("GetParameter", json!({ "Name": "s" }))["Parameter"]["Value"], "secret");
        let open = ssm.ok("GetParameter", json!({ "Name": "s", "WithDecryption": true }));
        assert_eq!(open["Parameter"]["Value"], "secret");
    }

    #[test]
    fn several_are_read_and_deleted_with_the_missing_named() {
        let mut ssm = Store::new();
        ssm.put("a", "1");
        ssm.put("b", "2");
        let got = ssm.ok("GetParameters", json!({ "Names": ["b", "x", "a", "a:7"] }));
        assert_eq!(got["Parameters"].as_array().unwrap().len(), 2);
        assert_eq!(got["InvalidParameters"], json!(["a:7", "x"]));
        let deleted = ssm.ok("DeleteParameters", json!({ "Names": ["a", "x"] }));
        assert_eq!(deleted, json!({ "DeletedParameters": ["a"], "InvalidParameters": ["x"] }));
        ssm.ok("DeleteParameter", json!({ "Name": "b" }));
        assert_eq!(ssm.refused("DeleteParameter", json!({ "Name": "b" })), "ParameterNotFound");
    }

    #[test]
    fn a_path_is_read_one_level_deep_or_recursively_in_pages() {
        let mut ssm = Store::new();
        for name in ["/lab/a", "/lab/b", "/lab/deep/c", "/laboratory/d", "lab"] {
            ssm.put(name, "v");
        }
        assert_eq!(ssm.names("GetParametersByPath", json!({ "Path": "/lab" })), ["/lab/a", "/lab/b"]);
        let mut query = json!({ "Path": "/lab/", "Recursive": true, "MaxResults": 2 });
        let first = ssm.ok("GetParametersByPath", query.clone());
        query["NextToken"] = first["NextToken"].clone();
        let rest = ssm.ok("GetParametersByPath", query);
        assert_eq!(rest["Parameters"][0]["Name"], "/lab/deep/c");
        assert_eq!(rest.get("NextToken"), None);
        let recursive = json!({ "Path": "/", "Recursive": true });
        assert_eq!(ssm.names("GetParametersByPath", recursive).len(), 4);
        for (query, code) in [
            (json!({ "Path": "lab" }), "ValidationException"),
            (json!({ "Path": "/", "MaxResults": 11 }), "ValidationException"),
            (json!({ "Path": "/", "NextToken": "?" }), "InvalidNextToken"),
            (json!({ "Path": "/", "ParameterFilters": [{ "Key": "Name", "Values": ["x"] }] }), "InvalidFilterKey"),
        ] {
            assert_eq!(ssm.refused("GetParametersByPath", query), code);
        }
    }

    #[test]
    fn describe_filters_by_name_path_and_tag() {
        let mut ssm = Store::new();
        for name in ["/lab/a", "/lab/deep/b", "/other/c"] {
            ssm.put(name, "v");
        }
        let tag =
            json!({ "ResourceType": "Parameter", "ResourceId": "/other/c", "Tags": [{ "Key": "k", "Value": "v" }] });
        ssm.ok("AddTagsToResource", tag);
        let filtered = |key: &str, option: &str, value: &str| json!({ "ParameterFilters": [{ "Key": key, "Option": option, "Values": [value] }] });
        for (filter, names) in [
            (filtered("Name", "Equals", "/lab/a"), vec!["/lab/a"]),
            (filtered("Name", "BeginsWith", "/lab/"), vec!["/lab/a", "/lab/deep/b"]),
            (filtered("Name", "Contains", "deep"), vec!["/lab/deep/b"]),
            (filtered("Path", "OneLevel", "/lab"), vec!["/lab/a"]),
            (filtered("Path", "Recursive", "/lab"), vec!["/lab/a", "/lab/deep/b"]),
            (filtered("tag:k", "Equals", "v"), vec!["/other/c"]),
            (json!({ "Filters": [{ "Key": "Name", "Values": ["/other"] }] }), vec!["/other/c"]),
        ] {
            assert_eq!(ssm.names("DescribeParameters", filter), names);
        }
        for (filter, code) in [
            (filtered("Colour", "Equals", "blue"), "InvalidFilterKey"),
            (filtered("Name", "Recursive", "/"), "InvalidFilterOption"),
            (json!({ "ParameterFilters": [{ "Key": "Name" }] }), "InvalidFilterValue"),
        ] {
            assert_eq!(ssm.refused("DescribeParameters", filter), code);
        }
    }

    #[test]
    fn tags_are_added_replaced_and_removed() {
        let mut ssm = Store::new();
        ssm.put("a", "v");
        let with = |extra: Value| {
            let mut input = json!({ "ResourceType": "Parameter", "ResourceId": "a" });
            input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            input
        };
        let two = json!([{ "Key": "k", "Value": "1" }, { "Key": "K", "Value": "2" }]);
        ssm.ok("AddTagsToResource", with(json!({ "Tags": two })));
        ssm.ok("AddTagsToResource", with(json!({ "Tags": [{ "Key": "k", "Value": "3" }] })));
        ssm.ok("RemoveTagsFromResource", with(json!({ "TagKeys": ["K"] })));
        let tags = ssm.ok("ListTagsForResource", with(json!({})));
        assert_eq!(tags["TagList"], json!([{ "Key": "k", "Value": "3" }]));
        let many: Vec<Value> = (0..50).map(|n| json!({ "Key": format!("n{n}"), "Value": "" })).collect();
        assert_eq!(ssm.refused("AddTagsToResource", with(json!({ "Tags": many }))), "TooManyTagsError");
        let reserved = with(json!({ "Tags": [{ "Key": "aws:x", "Value": "" }] }));
        assert_eq!(ssm.refused("AddTagsToResource", reserved), "ValidationException");
        for unknown in [json!({ "ResourceId": "none" }), json!({ "ResourceType": "Document" })] {
            assert_eq!(ssm.refused("ListTagsForResource", with(unknown)), "InvalidResourceId");
        }
    }

    #[test]
    fn regions_do_not_share_parameters() {
        let mut ssm = Store::new();
        ssm.put("a", "v");
        ssm.region = "eu-west-1";
        assert_eq!(ssm.refused("GetParameter", json!({ "Name": "a" })), "ParameterNotFound");
    }

    #[test]
    fn aws_publishes_parameters_that_name_its_images() {
        let mut ssm = Store::new();
        let linux = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
        let windows = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base";
        let parameter = ssm.ok("GetParameter", json!({ "Name": linux }))["Parameter"].take();
        assert!(parameter["Value"].as_str().unwrap().starts_with("ami-0"));
        assert_eq!(parameter["ARN"], format!("arn:aws:ssm:us-east-1::parameter{linux}"));
        assert_eq!(ssm.ok("GetParameter", json!({ "Name": parameter["ARN"] }))["Parameter"], parameter);
        let several = ssm.ok("GetParameters", json!({ "Names": [linux, windows, "/aws/service/none"] }));
        assert_eq!(several["Parameters"].as_array().unwrap().len(), 2);
        assert_eq!(several["InvalidParameters"], json!(["/aws/service/none"]));
        let region = json!({ "Name": "/aws/service/global-infrastructure/regions/eu-west-1/longName" });
        assert_eq!(ssm.ok("GetParameter", region)["Parameter"]["Value"], "Europe (Ireland)");
        let path = json!({ "Path": "/aws/service/ami-windows-latest" });
        assert_eq!(ssm.names("GetParametersByPath", path).len(), 3);
    }

    #[test]
    fn an_older_version_of_a_public_parameter_names_an_older_image() {
        let mut ssm = Store::new();
        let name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64";
        let latest = ssm.ok("GetParameter", json!({ "Name": name }))["Parameter"].take();
        let version = latest["Version"].as_u64().unwrap() - 1;
        let older = ssm.ok("GetParameter", json!({ "Name": format!("{name}:{version}") }))["Parameter"].take();
        assert_ne!(older["Value"], latest["Value"]);
    }

    #[test]
    fn public_parameters_are_not_among_ones_own() {
        let mut ssm = Store::new();
        assert_eq!(ssm.names("DescribeParameters", json!({})), Vec::<String>::new());
        assert_eq!(ssm.names("GetParametersByPath", json!({ "Path": "/", "Recursive": true })), Vec::<String>::new());
        let put = json!({ "Name": "/aws/service/x", "Value": "v", "Type": "String" });
        assert_eq!(ssm.refused("PutParameter", put), "AccessDeniedException");
    }
}
