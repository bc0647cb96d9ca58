//! The beginning and the end of a session, and what may happen between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, capabilities, codes, pulling, uri};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_before_the_beginning() {
    let shop = Shop::new();
    let mut client = TestClient::start();
    for method in ["textDocument/hover", "shutdown", "nonsense"] {
        let error = client.request(method, Value::Null).await.unwrap_err();
        assert_eq!(error["code"], -32002, "{method}");
    }
    // Notifications are dropped.
    client.did_open(&shop.path("app/cart.py"), "x = 1\n").await;
    let error = client.request("initialize", Value::Null).await.unwrap_err();
    assert_eq!(error["code"], -32602);
    client.initialize(json!({ "capabilities": pulling(), "rootUri": uri(shop.root()) })).await;
    assert_eq!(codes(&client.pull(&shop.path("app/cart.py")).await), ["AUD201"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_beginning() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let params = json!({ "capabilities": capabilities(), "rootUri": null });
    assert_eq!(client.request("initialize", params).await.unwrap_err()["code"], -32600);
    let cart = shop.path("app/cart.py");
    client.open_file(&cart).await;
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_shutdown_nothing_is_answered() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    assert_eq!(client.request("shutdown", Value::Null).await, Ok(Value::Null));
    for method in ["textDocument/hover", "shutdown", "initialize", "nonsense"] {
        assert_eq!(client.request(method, json!({})).await.unwrap_err()["code"], -32600, "{method}");
    }
    client.notify("exit", Value::Null).await;
    assert_eq!(client.code().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_without_shutdown_is_an_error() {
    let mut client = TestClient::start();
    client.notify("exit", Value::Null).await;
    assert_eq!(client.code().await, 1);

    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.notify("exit", Value::Null).await;
    assert_eq!(client.code().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_the_server() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.hang_up().await;
    assert_eq!(client.code().await, 1);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_editor_that_was_killed_ends_the_server() {
    let mut editor = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let mut client = TestClient::start();
    client.initialize(json!({ "capabilities": {}, "processId": editor.id(), "rootUri": null })).await;
    assert!(tokio::time::timeout(Duration::from_millis(500), client.code()).await.is_err());
    editor.kill().unwrap();
    editor.wait().unwrap();
    // The streams stay open: only the process tells.
    assert_eq!(client.code().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_index_shows_its_progress_to_who_shows_progress() {
    let shop = Shop::new();
    for number in 0..300 {
        shop.write(&format!("app/more/m{number}.py"), "x = 1\n");
    }
    let mut client = TestClient::open(shop.root(), capabilities()).await;
    client.ignore("textDocument/publishDiagnostics");
    client.wait_until_asked("window/workDoneProgress/create", 1).await;
    client.published(&shop.path("app/jobs.py"), None).await;
    client.listen(Duration::from_millis(500)).await;
    // Whatever began has ended.
    let mut seen = Vec::new();
    while client.forget_one("$/progress", &mut seen) {}
    let count = |kind: &str| seen.iter().filter(|params| params["value"]["kind"] == kind).count();
    assert_eq!(count("begin"), count("end"));
    client.finish().await;

    let mut quiet = capabilities();
    quiet["window"] = json!({});
    let mut client = TestClient::open(shop.root(), quiet).await;
    client.ignore("textDocument/publishDiagnostics");
    client.published(&shop.path("app/jobs.py"), None).await;
    assert_eq!(client.times_asked("window/workDoneProgress/create"), 0);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_can_be_cancelled_while_it_waits() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.request("workspace/diagnostic", json!({ "previousResultIds": [] })).await.unwrap();
    let known: Vec<Value> = {
        let first = client.request("workspace/diagnostic", json!({ "previousResultIds": [] })).await.unwrap();
        let items = first["items"].as_array().unwrap().clone();
        items.iter().map(|item| json!({ "uri": item["uri"], "value": item["resultId"] })).collect()
    };
    let waiting = client.ask("workspace/diagnostic", json!({ "previousResultIds": known })).await;
    client.listen(Duration::from_millis(300)).await;
    client.notify("$/cancelRequest", json!({ "id": waiting })).await;
    assert_eq!(client.answer(waiting).await.unwrap_err()["code"], -32800);
    client.notify("$/cancelRequest", json!({ "id": "never" })).await;
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_initialized_late_is_served() {
    let shop = Shop::new();
    let mut client = TestClient::start();
    let params = json!({ "capabilities": pulling(), "rootUri": uri(shop.root()) });
    client.request("initialize", params).await.unwrap();
    let cart = shop.path("app/cart.py");
    client.open_file(&cart).await;
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201"]);
    client.notify("initialized", json!({})).await;
    client.finish().await;
}
