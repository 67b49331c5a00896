//! Who says who somebody is.

use crate::plan::mistake::Fault;
use crate::plan::section::{Said, Section};
use crate::plan::{SignIn, USER_NAME_CLAIM, value};

pub(super) fn sign_in(mut file: Section) -> SignIn {
    let enabled = file.boolean("enabled").or(SignIn::default().enabled);
    let pool = file.text("pool", value::user_pool);
    let client = file.text("client", value::user_pool_client);
    let issuer = file.text("issuer", value::issuer);
    let audience = file.text("audience", value::audience);
    let user_claim = file.text("user_claim", value::claim);
    if let (Some(_), Some(span)) = (pool.span(), issuer.span()) {
        let fault = Fault::new("`pool` and `issuer` name two providers", "keep the one that signs the users in");
        file.report(span, fault);
    }
    check_together(&file, ("pool", &pool), ("client", &client), "\"1example23456789\"");
    check_together(&file, ("issuer", &issuer), ("audience", &audience), "\"CLIENT-ID\"");
    let some_provider = !pool.is_nothing() || !issuer.is_nothing();
    if let Some(span) = user_claim.span().filter(|_| !some_provider) {
        let fault = Fault::new(
            "The lab's own pool knows users by their names alone",
            "leave `user_claim` out, or name another provider: `pool` or `issuer`",
        );
        file.report(span, fault);
    }
    if let Some(span) = issuer.span().filter(|_| user_claim.is_nothing() && pool.is_nothing()) {
        let fault = Fault::new("Nothing says which claim of a token names its user", "add one: user_claim = \"email\"");
        file.report(span, fault);
    }
    // Users change what other claims of Cognito's say by themselves.
    let by_default = pool.value().map(|_| USER_NAME_CLAIM.to_owned());
    let sign_in = SignIn {
        enabled,
        pool: pool.into_value(),
        client: client.into_value(),
        issuer: issuer.into_value(),
        audience: audience.into_value(),
        user_claim: user_claim.into_value().or(by_default),
    };
    file.finish();
    sign_in
}

/// Reports the one of two that stands without the other: who signs tokens, and whom they are made for.
fn check_together(
    file: &Section,
    (provider, said): (&str, &Said<String>),
    (receiver, for_whom): (&str, &Said<String>),
    example: &str,
) {
    if let Some(span) = said.span().filter(|_| for_whom.is_nothing()) {
        let sentence = format!("`{provider}` comes without `{receiver}`: anybody's tokens would do");
        file.report(span, Fault::new(sentence, format!("say whom they are made for: {receiver} = {example}")));
    }
    if let Some(span) = for_whom.span().filter(|_| said.is_nothing()) {
        let sentence = format!("`{receiver}` comes without `{provider}`");
        file.report(span, Fault::new(sentence, format!("say who signs the tokens: `{provider}`, or leave both out")));
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::testing::{lab, mistakes};
    use crate::plan::SignIn;

    const POOL: &str = "pool = \"eu-west-1_AbCdEf123\"\nclient = \"1example23456789\"\n";

    #[test]
    fn a_plan_has_a_pool_of_its_own_or_names_a_provider() {
        assert_eq!(lab("").sign_in, SignIn::default());
        let own = lab("sign_in.enabled = true").sign_in;
        assert_eq!(own, SignIn { enabled: true, ..SignIn::default() });
        let existing = lab(&format!("[sign_in]\nenabled = true\n{POOL}")).sign_in;
        assert_eq!(existing.user_claim.as_deref(), Some("cognito:username"));
        let other = lab(
            "[sign_in]\nenabled = true\nissuer = \"https://login.example.com:8443/a/v2.0\"\naudience = \"api\"\nuser_claim = \"email\"",
        );
        assert_eq!(other.sign_in.issuer.as_deref(), Some("https://login.example.com:8443/a/v2.0"));
    }

    #[test]
    fn who_signs_and_for_whom_go_together() {
        assert_snapshot!(mistakes("[sign_in]\npool = \"eu-west-1_AbCdEf123\"\naudience = \"api\""), @r#"
        3:8 `pool` comes without `client`: anybody's tokens would do
            say whom they are made for: client = "1example23456789"
        4:12 `audience` comes without `issuer`
            say who signs the tokens: `issuer`, or leave both out
        "#);
        assert_snapshot!(mistakes("[sign_in]\nissuer = \"https://a.example\"\nclient = \"1example23456789\""), @r#"
        3:10 `issuer` comes without `audience`: anybody's tokens would do
            say whom they are made for: audience = "CLIENT-ID"
        3:10 Nothing says which claim of a token names its user
            add one: user_claim = "email"
        4:10 `client` comes without `pool`
            say who signs the tokens: `pool`, or leave both out
        "#);
        assert_snapshot!(mistakes(&format!("[sign_in]\n{POOL}issuer = \"https://a.example\"\naudience = \"a\"")), @r#"
        5:10 `pool` and `issuer` name two providers
            keep the one that signs the users in
        "#);
        assert_snapshot!(mistakes("sign_in.user_claim = \"email\""), @r#"
        2:22 The lab's own pool knows users by their names alone
            leave `user_claim` out, or name another provider: `pool` or `issuer`
        "#);
    }

    #[test]
    fn a_provider_is_named_as_its_tokens_name_it() {
        for (key, text) in [
            ("pool", "eu-west-1"),
            ("pool", "AbCdEf123"),
            ("client", "a b"),
            ("audience", ""),
            ("user_claim", "the email"),
            ("issuer", "http://a.example"),
            ("issuer", "https://a.example/"),
            ("issuer", "https://"),
            ("issuer", "https://me@a.example"),
            ("issuer", "https://a.example?x=1"),
            ("issuer", "https://a.example/b#c"),
            ("issuer", "https://a.example:x"),
            ("issuer", "https://A_b.example"),
        ] {
            let all = mistakes(&format!("sign_in.{key} = \"{text}\""));
            assert!(all.lines().any(|line| line.contains(&format!("`{text}`"))), "{key} {text}: {all}");
        }
        assert_snapshot!(mistakes("[sign_in]\nissuer = \"http://a.example/\"\naudience = \"a\"\nuser_claim = \"sub\""), @r#"
        3:10 `http://a.example/` is not the issuer of tokens
            it begins with https://, and is what the provider's tokens have as `iss`
        "#);
        assert_snapshot!(mistakes("[sign_in]\nissuer = \"https://a.example/\"\naudience = \"a\"\nuser_claim = \"sub\""), @r#"
        3:10 `https://a.example/` is not the issuer of tokens
            leave out the slash at its end
        "#);
        assert_snapshot!(mistakes("[sign_in]\npool = \"AbCdEf123\"\nclient = \"?\""), @r#"
        3:8 `AbCdEf123` is not the id of a user pool
            write it as Cognito does, its Region first: "eu-west-1_AbCdEf123"
        4:10 `?` is not the id of an app client
            write the client's id, not its name: "1example23456789"
        "#);
    }
}
