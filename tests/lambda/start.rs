//! Functions that cannot start, and say so.

use crate::support::{Engine::Dynamodb, Home, command_of};

use super::function::Function;

/// An authorizer is no place to begin a store: Lambda is told that it does not start, and the log says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_cannot_start_tells_lambda() {
    let home = Home::on(Dynamodb).await;
    let (status, told, log) = Function::fail_to_start(&home, "authorizer", &[]).await;
    assert_eq!(status.code(), Some(1));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["errorType"], "Runtime.InitError");
    assert!(log.contains("is new and has no keys yet"), "{log}");
    let (status, told, log) = Function::fail_to_start(&home, "gardener", &[]).await;
    assert_eq!((status.code(), told.len()), (Some(2), 0));
    assert!(log.contains("gardener"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_lambda_starts_a_function() {
    let home = Home::on(Dynamodb).await;
    for function in ["api", "authorizer", "worker"] {
        let output = command_of(&home, &["lambda", function], "");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("only AWS Lambda can start this"), "{said}");
    }
}
