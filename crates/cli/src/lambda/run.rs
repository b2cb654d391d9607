//! The way between Lambda and the functions: how they are put together once, before the first event, and how events come in
//! and answers go out.

use std::{env, sync::Arc, time::Duration};

use lambda_runtime::{Context, Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn, tower};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use symbolon_domain::clock::Timestamp;

use super::{RUNTIME_API, api::Api, authorizer, chores::Chores, failure::Failure, worker};
use crate::arguments::LambdaCommand;
use crate::serve::ServeError;
use crate::settings::Settings;
use crate::telemetry::Telemetry;
use crate::wiring::{self, Questions, Service, Surroundings, WiringError};
use crate::{CommandError, CommandResult, chain, logging};

/// What Lambda says to every function besides. The runtime's library would end in a panic without them.
const SAID_BY_LAMBDA: [&str; 4] = [
    RUNTIME_API,
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];
/// How long Lambda may take to hear that the function does not start.
const PATIENCE: Duration = Duration::from_secs(2);

/// A function that is ready for events.
enum Function {
    Api(Api),
    Authorizer(Arc<Service>),
    Worker(Arc<Service>),
}

/// Takes events until Lambda ends the process.
///
/// # Errors
/// Lambda has not started this process, the function cannot be put together, or Lambda cannot be spoken to.
pub async fn run(command: LambdaCommand, settings: &Settings) -> CommandResult {
    let runtime_api = runtime_api()?;
    let telemetry = Telemetry::start(&settings.telemetry).map_err(ServeError::Telemetry)?;
    logging::start(&settings.log, telemetry.as_ref());
    let service = match Box::pin(open(command, settings)).await {
        Ok(service) => Arc::new(service),
        Err(error) => {
            report(&runtime_api).await;
            return Err(error.into());
        }
    };
    let function = Arc::new(match command {
        LambdaCommand::Api => Function::Api(Api::new(&service, settings)),
        LambdaCommand::Authorizer => Function::Authorizer(Arc::clone(&service)),
        LambdaCommand::Worker => Function::Worker(Arc::clone(&service)),
    });
    tracing::info!(function = ?command, "ready");
    let taken = Box::pin(take_events(function, Arc::new(Chores::new(service, telemetry)))).await;
    taken.map_err(|error| {
        tracing::error!(error = chain(&*error), "the runtime has ended");
        CommandError::Refused("Lambda gives out no events")
    })
}

/// Where events come from, if it is Lambda that has started this process.
fn runtime_api() -> Result<String, CommandError> {
    let is_said = |name: &&str| env::var(name).is_ok_and(|value| !value.is_empty());
    let memory = env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok();
    let is_number = memory.is_some_and(|memory| memory.parse::<i32>().is_ok());
    if !SAID_BY_LAMBDA.iter().all(is_said) || !is_number {
        return Err(CommandError::Refused(
            "only AWS Lambda can start this: it says so by AWS_LAMBDA_RUNTIME_API, and what the function is by \
             AWS_LAMBDA_FUNCTION_NAME, AWS_LAMBDA_FUNCTION_MEMORY_SIZE and AWS_LAMBDA_FUNCTION_VERSION",
        ));
    }
    env::var(RUNTIME_API).map_err(|_| CommandError::Refused("AWS_LAMBDA_RUNTIME_API is not text"))
}

/// Puts together what this function needs and no more, since the first event waits for it. The keys of trusted issuers are
/// fetched when one of their tokens is shown first. An authorizer makes nothing: it is no place to begin a store.
async fn open(command: LambdaCommand, settings: &Settings) -> Result<Service, WiringError> {
    let surroundings = Surroundings::real();
    match command {
        LambdaCommand::Api => wiring::open(settings, surroundings).await,
        LambdaCommand::Authorizer => {
            wiring::open_existing(settings, surroundings, Questions::OnlyOfRoutes).await
        }
        LambdaCommand::Worker => wiring::open_for(settings, surroundings, Questions::NoneAsked).await,
    }
}

/// Tells Lambda that the function does not start. The log has the reason; whoever asks need not know it.
async fn report(runtime_api: &str) {
    let url = format!("http://{runtime_api}/2018-06-01/runtime/init/error");
    let error =
        r#"{"errorType":"Runtime.InitError","errorMessage":"the function does not start; the log says why"}"#;
    let Ok(client) = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build() else { return };
    let call = client.post(url).header("lambda-runtime-function-error-type", "Runtime.InitError");
    // It sees that the process has ended, too.
    drop(call.body(error).send().await);
}

/// One event at a time, as Lambda gives them out.
async fn take_events(function: Arc<Function>, chores: Arc<Chores>) -> Result<(), Error> {
    let before = Arc::clone(&chores);
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let (function, chores) = (Arc::clone(&function), Arc::clone(&before));
        async move {
            chores.before().await;
            function.answer(&event.payload, &event.context).await
        }
    });
    let after = tower::util::AndThenLayer::new(move |()| {
        let chores = Arc::clone(&chores);
        async move {
            chores.after().await;
            Ok::<(), Error>(())
        }
    });
    Runtime::new(handler).layer(after).layer(TracingLayer::new()).run().await
}

impl Function {
    async fn answer(&self, event: &RawValue, context: &Context) -> Result<Box<RawValue>, Failure> {
        match self {
            Self::Api(api) => written(&api.answer(event).await?),
            Self::Authorizer(service) => written(&authorizer::decide(service, event).await?),
            Self::Worker(service) => written(&worker::pass(service, deadline(context)).await?),
        }
    }
}

fn written(answer: &impl Serialize) -> Result<Box<RawValue>, Failure> {
    to_raw_value(answer).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        Failure::OUTAGE
    })
}

/// When Lambda ends the invocation.
fn deadline(context: &Context) -> Timestamp {
    Timestamp::from_micros(i64::try_from(context.deadline.saturating_mul(1_000)).unwrap_or(i64::MAX))
}
