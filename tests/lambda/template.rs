//! The template of `docs/aws.md`: AWS's own linter knows everything in it, also in what SAM makes of it, and its table is the
//! one that the program makes itself.

use std::{fs, path::Path, process::Command};

use aws_sdk_dynamodb::types::{AttributeDefinition, KeySchemaElement};
use serde_json::{Value as Json, json};

use crate::support::engines::{Table, client, told};

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/examples/aws-sam.yaml");
const REGION: &str = "eu-central-1";
/// Prints what SAM makes of a template, of which the linter knows more: what it refers to, and the values that are allowed.
/// `sam package` puts the address of the code into it beforehand.
const EXPAND: &str = "\
import json, sys
from cfnlint.decode import decode
from samtranslator.translator.transform import transform
template, faults = decode(sys.argv[1])
assert not faults, faults
template['Globals']['Function']['CodeUri'] = 's3://bucket/key'
print(json.dumps(transform(template, {}, None)))
";
/// Prints what a template says of the table.
const TABLE: &str = "\
import json, sys
from cfnlint.decode import decode
template, faults = decode(sys.argv[1])
assert not faults, faults
print(json.dumps(template['Resources']['Table']['Properties']))
";

/// M7: what CloudFormation or SAM would refuse is found before somebody deploys it.
#[test]
fn the_linter_of_aws_finds_nothing_in_it() {
    let template = fs::read_to_string(TEMPLATE).unwrap();
    assert_eq!(faults(&template), "");
    for (right, wrong, rule) in [
        ("CodeUri: lambda/", "CodeUrl: lambda/", "E3002"),
        ("BillingMode: PAY_PER_REQUEST", "BillingMode: FREE", "E3030"),
        ("Runtime: provided.al2023", "Runtime: provided.al2099", "E3030"),
        ("- !GetAtt Table.Arn", "- !GetAtt Tables.Arn", "E1010"),
        ("rate(1 minute)", "rate(1 minutes)", "E3027"),
    ] {
        assert!(template.contains(right), "{right}");
        let found = faults(&template.replace(right, wrong));
        assert!(found.contains(rule), "{wrong}: {found}");
    }
}

/// M7: whoever lets CloudFormation make the table has the same one as whoever lets `migrate up` do so.
#[tokio::test(flavor = "multi_thread")]
async fn its_table_is_the_one_that_the_program_makes() {
    let of_template: Json = serde_json::from_slice(&python(TABLE, Path::new(TEMPLATE))).unwrap();

    let table = Table::migrated().await;
    let (name, client) = (&table.options.table, client(&table.options).await);
    let made = client.describe_table().table_name(name).send().await.unwrap().table.unwrap();
    let expiry = client.describe_time_to_live().table_name(name).send().await.unwrap();
    let expiry = expiry.time_to_live_description.unwrap().attribute_name;
    let [index] = made.global_secondary_indexes() else { panic!("one index: {made:?}") };
    let projection = index.projection().unwrap();

    assert_eq!(
        by_name(&of_template["AttributeDefinitions"]),
        by_name(&attributes(made.attribute_definitions()))
    );
    assert_eq!(of_template["KeySchema"], keys(made.key_schema()));
    assert_eq!(
        of_template["GlobalSecondaryIndexes"],
        json!([{
            "IndexName": index.index_name(),
            "KeySchema": keys(index.key_schema()),
            "Projection": {
                "ProjectionType": projection.projection_type().unwrap().as_str(),
                "NonKeyAttributes": projection.non_key_attributes(),
            },
        }])
    );
    assert_eq!(of_template["TimeToLiveSpecification"], json!({"AttributeName": expiry, "Enabled": true}));
}

/// What the linter says of this template, and where it is content, of what SAM makes of it.
fn faults(template: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("template.yaml");
    fs::write(&path, template).unwrap();
    let found = lint(&path);
    if !found.is_empty() {
        return found;
    }
    let expanded = python(EXPAND, &path);
    fs::write(&path, expanded).unwrap();
    lint(&path)
}

fn lint(template: &Path) -> String {
    let linter = Path::new(&told("SYMBOLON_TEST_PYTHON")).with_file_name("cfn-lint");
    let output = Command::new(linter)
        .args(["--non-zero-exit-code", "informational", "--format", "parseable", "--regions", REGION])
        .arg("--")
        .arg(template)
        .output()
        .unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.success(), found.trim().is_empty(), "{}: {found}", output.status);
    found.trim().to_owned()
}

/// What this program prints about a template.
fn python(program: &str, template: &Path) -> Vec<u8> {
    let python = Command::new(told("SYMBOLON_TEST_PYTHON"))
        .args(["-c", program])
        .arg(template)
        .env("AWS_DEFAULT_REGION", REGION)
        .output();
    let output = python.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn attributes(defined: &[AttributeDefinition]) -> Json {
    let one = |attribute: &AttributeDefinition| {
        json!({
            "AttributeName": attribute.attribute_name(),
            "AttributeType": attribute.attribute_type().as_str(),
        })
    };
    defined.iter().map(one).collect()
}

fn keys(schema: &[KeySchemaElement]) -> Json {
    let one = |key: &KeySchemaElement| json!({"AttributeName": key.attribute_name(), "KeyType": key.key_type().as_str()});
    schema.iter().map(one).collect()
}

/// Their order means nothing.
fn by_name(attributes: &Json) -> Vec<&Json> {
    let mut sorted: Vec<&Json> = attributes.as_array().unwrap().iter().collect();
    sorted.sort_by_key(|attribute| attribute["AttributeName"].to_string());
    sorted
}
