//! What clients ask for besides the protocol: lists, pages, and how far the index is.

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, pulling, uri};

#[tokio::test(flavor = "multi_thread")]
async fn hazards_are_listed_with_their_families() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let hazards = client.request("auditline/hazards", Value::Null).await.unwrap();
    let hazards = hazards.as_array().unwrap();
    assert_eq!(hazards.len(), auditline_hazards::CATALOGUE.len());
    let race = hazards.iter().find(|hazard| hazard["code"] == "AUD201").unwrap();
    assert_eq!(race["family"], "races");
    assert_eq!(race["severity"], "warning");
    assert!(race["url"].as_str().unwrap().ends_with("/AUD201.md"));
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_shown_by_code_or_name() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    for word in ["AUD201", "unlocked-read-modify-write", " aud201 "] {
        let page = client.request("auditline/explain", json!({ "hazard": word })).await.unwrap();
        assert_eq!(page["code"], "AUD201");
        let markdown = page["markdown"].as_str().unwrap();
        assert!(markdown.starts_with("# AUD201 unlocked-read-modify-write\n"), "{markdown}");
    }
    let error = client.request("auditline/explain", json!({ "hazard": "AUD999" })).await.unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("AUD999"), "{error}");
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_it_is_told_how_far_the_index_is() {
    let shop = Shop::new();
    let mut capabilities = pulling();
    capabilities["experimental"] = json!({ "auditline": { "status": true } });
    let mut client = TestClient::open(shop.root(), capabilities).await;
    let state = |state: &str| json!({ "workspaces": [{ "uri": uri(shop.root()), "state": state }] });
    for expected in ["indexing", "ready"] {
        let wanted = state(expected);
        client.wait(|message| message["method"] == "auditline/status" && message["params"] == wanted).await;
    }
    // Edits are no news about the index.
    let cart = shop.path("app/cart.py");
    client.open_file(&cart).await;
    client.pull(&cart).await;
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_has_what_stands_in_the_buffers() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let pages = client.request("auditline/report", Value::Null).await.unwrap();
    let html = pages[0]["html"].as_str().unwrap();
    assert!(html.starts_with("<!doctype html>"), "{html}");
    for expected in ["AUD201", "AUD101", "AUD401", "<th>Request A</th>", "app/jobs.py:", "Lock the load"] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    let text = client.open_file(&cart).await;
    client.replace(&cart, 2, &text.replace("item.stock -= quantity", "pass")).await;
    let pages = client.request("auditline/report", Value::Null).await.unwrap();
    assert!(!pages[0]["html"].as_str().unwrap().contains("AUD201"));
    client.finish().await;
}
