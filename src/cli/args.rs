//! Flags and arguments that several verbs share.

use std::path::{Path, PathBuf};

use clap::Args;

use super::trouble::Trouble;
use crate::aws::connect::{Choice, Target};
use crate::plan::{Plan, PlanError, Source, check_name, check_region, parse};
use crate::sandbox::dials::Dials;

/// The plan of those who name none.
pub const DEFAULT_PLAN: &str = "@studio-private-access";

/// Where to work.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// Where to work [default: sandbox]
    #[arg(long, value_enum, conflicts_with = "aws")]
    pub target: Option<Target>,
    /// The same as --target aws
    #[arg(long)]
    pub aws: bool,
    /// The AWS profile whose credentials and Region to use
    #[arg(long)]
    pub profile: Option<String>,
    /// The Region
    #[arg(long)]
    pub region: Option<String>,
}

/// How to treat the lock, and what users made.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Work without taking the lab's lock
    #[arg(long)]
    pub no_lock: bool,
    /// Wait for whoever has the lab's lock
    #[arg(long)]
    pub wait: bool,
    /// Delete spaces and homes of users where the domain or user that has them must go
    #[arg(long)]
    pub delete_user_data: bool,
}

/// A target, and whether the user named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    /// The target.
    pub target: Target,
    /// Whether a flag or the environment says so.
    pub named: bool,
}

impl PlaceArgs {
    /// The target by flags, then by `BREEZEWAY_TARGET`, then the sandbox.
    pub fn aim(&self) -> Result<Aim, Trouble> {
        self.aim_with(variable("BREEZEWAY_TARGET").as_deref())
    }

    fn aim_with(&self, environment: Option<&str>) -> Result<Aim, Trouble> {
        let named = |target| Ok(Aim { target, named: true });
        match (self.aws, self.target, environment) {
            (true, _, _) => named(Target::Aws),
            (_, Some(target), _) => named(target),
            (_, _, Some("aws")) => named(Target::Aws),
            (_, _, Some("sandbox")) => named(Target::Sandbox),
            (_, _, None | Some("")) => Ok(Aim { target: Target::Sandbox, named: false }),
            (_, _, Some(other)) => {
                let message = format!("BREEZEWAY_TARGET is `{other}`");
                Err(Trouble::new(message).hint("It takes sandbox or aws."))
            }
        }
    }

    /// Where to go.
    pub fn choice(&self) -> Result<Choice, Trouble> {
        let dials = variable("BREEZEWAY_SANDBOX").unwrap_or_default();
        let target = self.aim()?.target;
        self.region.as_deref().map_or(Ok(()), check_region)?;
        if let (Target::Sandbox, Some(profile)) = (target, &self.profile) {
            let trouble = Trouble::new(format!("The sandbox knows no profile `{profile}`, nor any other"));
            return Err(trouble.hint("Is it meant for AWS? Then add --aws. Else leave --profile out."));
        }
        Ok(Choice {
            target,
            region: self.region.clone(),
            profile: self.profile.clone(),
            home: if target == Target::Sandbox { sandbox_folder()? } else { PathBuf::new() },
            dials: parse_dials("BREEZEWAY_SANDBOX", &dials)?,
        })
    }

    /// The flags that lead to the same place, each after a space.
    pub fn flags(&self) -> String {
        let mut flags = String::new();
        match self.target {
            _ if self.aws => flags += " --aws",
            Some(target) => flags += &format!(" --target {}", target.name()),
            None => {}
        }
        for (flag, value) in [("profile", &self.profile), ("region", &self.region)] {
            flags += &value.as_ref().map_or(String::new(), |value| format!(" --{flag} {value}"));
        }
        flags
    }
}

/// A variable of the environment, which is refused by whoever reads it, not overlooked, where it isn't UTF-8.
pub fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Reads dials; `whence` is the flag or variable that holds them.
pub fn parse_dials(whence: &str, text: &str) -> Result<Dials, Trouble> {
    text.parse().map_err(|error| Trouble::new(format!("{whence}: {error}")))
}

/// The folder of the sandbox's world.
pub fn sandbox_folder() -> Result<PathBuf, Trouble> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let absolute = |path: &PathBuf| path.is_absolute();
    let home = variable("BREEZEWAY_HOME")
        .or_else(|| Some(variable("XDG_STATE_HOME").filter(absolute)?.join("breezeway")))
        .or_else(|| Some(variable("HOME").filter(absolute)?.join(".local/state/breezeway")));
    let missing = || Trouble::new("There is no folder to keep the sandbox in").hint("Set BREEZEWAY_HOME.");
    Ok(home.ok_or_else(missing)?.join("sandbox"))
}

/// What a verb works on: a plan, or a lab by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A plan, from a file or built in.
    Plan(Box<Plan>),
    /// The name of a lab.
    Lab(String),
}

impl Subject {
    /// Reads the argument: with a `/` or ending in `.toml` it is a plan file, with an `@` a built-in plan, else a lab.
    pub fn read(argument: &str) -> Result<Self, PlanError> {
        if let Some(source) = plan_source(argument) {
            return Ok(Subject::Plan(Box::new(parse(&source?)?)));
        }
        check_name(argument)?;
        Ok(Subject::Lab(argument.to_owned()))
    }

    /// The lab that `up` with no argument makes.
    pub fn default_lab() -> Result<Self, PlanError> {
        let plan = parse(&Source::built_in(DEFAULT_PLAN)?)?;
        Ok(Subject::Lab(plan.name))
    }

    /// The name of the lab.
    pub fn lab(&self) -> &str {
        match self {
            Subject::Plan(plan) => &plan.name,
            Subject::Lab(name) => name,
        }
    }

    /// The plan given, if one is.
    pub fn plan(&self) -> Option<&Plan> {
        match self {
            Subject::Plan(plan) => Some(plan),
            Subject::Lab(_) => None,
        }
    }
}

/// The plan that the argument names; none where it is the name of a lab.
pub fn plan_source(argument: &str) -> Option<Result<Source, PlanError>> {
    if argument.starts_with('@') {
        Some(Source::built_in(argument))
    } else if argument.contains('/') || argument.ends_with(".toml") {
        Some(Source::read(Path::new(argument)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(aws: bool, target: Option<Target>) -> PlaceArgs {
        PlaceArgs { target, aws, profile: None, region: None }
    }

    #[test]
    fn flags_come_before_the_environment_and_that_before_the_sandbox() {
        let aim = |place: &PlaceArgs, environment| {
            let aim = place.aim_with(environment).unwrap();
            (aim.target, aim.named)
        };
        assert_eq!(aim(&place(false, None), None), (Target::Sandbox, false));
        assert_eq!(aim(&place(false, None), Some("sandbox")), (Target::Sandbox, true));
        assert_eq!(aim(&place(false, None), Some("aws")), (Target::Aws, true));
        assert_eq!(aim(&place(false, Some(Target::Sandbox)), Some("aws")), (Target::Sandbox, true));
        assert_eq!(aim(&place(true, None), Some("sandbox")), (Target::Aws, true));
        assert!(place(false, None).aim_with(Some("moon")).is_err());
    }

    #[test]
    fn the_way_back_has_the_same_flags() {
        let place = PlaceArgs { region: Some("eu-west-1".into()), profile: Some("work".into()), ..place(true, None) };
        assert_eq!(place.flags(), " --aws --profile work --region eu-west-1");
        assert_eq!(super::tests::place(false, None).flags(), "");
    }

    #[test]
    fn a_place_that_cannot_be_is_refused() {
        let refused = |place: PlaceArgs| place.choice().unwrap_err().to_string();
        let moon = PlaceArgs { region: Some("moon".into()), ..place(true, None) };
        assert_eq!(refused(moon), "`moon` is not a Region");
        let profile = PlaceArgs { profile: Some("work".into()), ..place(false, Some(Target::Sandbox)) };
        assert_eq!(refused(profile), "The sandbox knows no profile `work`, nor any other");
    }

    #[test]
    fn an_argument_is_a_file_a_built_in_plan_or_a_lab() {
        assert_eq!(Subject::read("demo").unwrap(), Subject::Lab("demo".into()));
        assert_eq!(Subject::read("@skeleton").unwrap().plan().unwrap().name, "skeleton");
        assert!(Subject::read("none.toml").unwrap_err().sentence.contains("doesn't exist"));
        assert!(Subject::read("a/b").unwrap_err().sentence.contains("doesn't exist"));
        assert!(Subject::read("Not_A_Name").unwrap_err().sentence.contains("can't be named"));
        assert!(Subject::read("").is_err());
    }

    #[test]
    fn the_default_plan_is_built_in() {
        assert_eq!(Subject::default_lab().unwrap().lab(), "studio-private-access");
    }
}
