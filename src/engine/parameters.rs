//! The SSM parameters in which an account keeps what Breezeway has to remember: records and locks.

use std::cell::Cell;
use std::time::Duration;

use aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder;
use aws_sdk_ssm::types::{Parameter, ParameterType, Tag};

use crate::aws::{Aws, Class, Failure, tags};

/// Reads every parameter below a path.
///
/// # Errors
/// They can't be read.
pub async fn list(aws: &Aws, path: &str) -> Result<Vec<Parameter>, Failure> {
    aws.read_pages("ssm", "GetParametersByPath", |next| {
        let call = aws.ssm.get_parameters_by_path().path(path).recursive(true).max_results(10);
        async {
            let page = call.set_next_token(next).send().await;
            page.map(|page| (page.parameters.unwrap_or_default(), page.next_token))
        }
    })
    .await
}

/// Makes a parameter, with the lab's tag; one that is there already is not touched. Returns when, by the run's clock.
///
/// # Errors
/// [`Class::AlreadySo`] where there is one; anything else the call says.
pub async fn create(aws: &Aws, lab: &str, name: &str, value: &str) -> Result<Duration, Failure> {
    let tag = Tag::builder().key(tags::LAB).value(lab).build();
    let tag = tag.map_err(|error| Failure::here("PutParameter", Class::Wrong, error.to_string()))?;
    write(aws, || aws.ssm.put_parameter().name(name).value(value).tags(tag.clone())).await
}

/// Writes a parameter, and says when: half-way between request and answer.
async fn write(aws: &Aws, call: impl Fn() -> PutParameterFluentBuilder) -> Result<Duration, Failure> {
    let sent = Cell::new(Duration::ZERO);
    aws.write("ssm", "PutParameter", || {
        sent.set(aws.clock.elapsed());
        call().r#type(ParameterType::String).send()
    })
    .await?;
    Ok((sent.get() + aws.clock.elapsed()) / 2)
}

/// Writes a parameter, whether it is there or not. Nobody else writes what is written so: an answer that didn't come
/// is asked for again.
///
/// # Errors
/// Whatever the call says.
pub async fn put(aws: &Aws, lab: &str, name: &str, value: &str) -> Result<Duration, Failure> {
    match create(aws, lab, name, value).await {
        Err(failure) if matches!(failure.class, Class::AlreadySo | Class::UnknownOutcome) => {
            overwrite(aws, name, value).await
        }
        answer => answer,
    }
}

/// Overwrites a parameter that is ours. Returns when, by the run's clock.
///
/// # Errors
/// Whatever the call says.
pub async fn overwrite(aws: &Aws, name: &str, value: &str) -> Result<Duration, Failure> {
    insist(|| write(aws, || aws.ssm.put_parameter().name(name).value(value).overwrite(true))).await
}

/// Removes parameters; those that are gone already are no failure.
///
/// # Errors
/// Whatever the call says.
pub async fn remove(aws: &Aws, names: Vec<String>) -> Result<(), Failure> {
    for ten in names.chunks(10) {
        let delete = || async {
            let call = || aws.ssm.delete_parameters().set_names(Some(ten.to_vec())).send();
            aws.write("ssm", "DeleteParameters", call).await.map(drop)
        };
        insist(delete).await?;
    }
    Ok(())
}

/// Makes a call that may be made twice until it is answered.
async fn insist<T, F: Future<Output = Result<T, Failure>>>(call: impl Fn() -> F) -> Result<T, Failure> {
    for attempt in 0..6u64 {
        match call().await {
            Err(failure) if failure.class == Class::UnknownOutcome => {
                tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
            }
            answer => return answer,
        }
    }
    call().await
}
