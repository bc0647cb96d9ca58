//! Findings reach the client: published, or asked for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, capabilities, codes, find, pulling, uri};

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_published_with_their_version() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), capabilities()).await;
    assert!(client.server_capabilities.get("diagnosticProvider").is_none());
    client.ignore("textDocument/publishDiagnostics");
    let text = client.open_file(&cart).await;

    let found = client.published(&cart, Some(1)).await;
    assert_eq!(codes(&found), ["AUD201"]);
    let finding = &found[0];
    let (line, column) = find(&text, "item.stock -= quantity");
    assert_eq!(finding["range"]["start"], json!({ "line": line, "character": column }));
    assert_eq!(finding["severity"], 2);
    assert_eq!(finding["source"], "auditline");
    assert!(finding["codeDescription"]["href"].as_str().unwrap().ends_with("/AUD201.md"));
    assert!(finding["message"].as_str().unwrap().contains("stock"));
    assert_eq!(finding["data"]["fingerprint"].as_str().unwrap().len(), 16);
    let related = finding["relatedInformation"].as_array().unwrap();
    assert!(!related.is_empty());
    let (load, _) = find(&text, "db.query(Item)");
    assert!(related.iter().any(|info| info["location"]["range"]["start"]["line"] == load), "{related:#?}");

    // A lock cures it, and the finding goes.
    let locked = text.replace(".first()", ".with_for_update().first()");
    client.replace(&cart, 2, &locked).await;
    assert_eq!(client.published(&cart, Some(2)).await, Vec::<Value>::new());
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_files_are_published_too_and_taken_back() {
    let shop = Shop::new();
    let jobs = shop.path("app/jobs.py");
    let mut client = TestClient::open(shop.root(), capabilities()).await;
    let found = client.published(&jobs, None).await;
    assert_eq!(codes(&found), ["AUD101", "AUD302", "AUD401"]);
    assert_eq!(codes(&client.published(&shop.path("app/cart.py"), None).await), ["AUD201"]);

    std::fs::remove_file(&jobs).unwrap();
    client.files_changed(&[(&jobs, 3)]).await;
    assert_eq!(client.published(&jobs, None).await, Vec::<Value>::new());
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_one_file_changes_what_is_published_of_another() {
    let shop = Shop::new();
    let (jobs, models) = (shop.path("app/jobs.py"), shop.path("app/models.py"));
    let mut client = TestClient::open(shop.root(), capabilities()).await;
    client.ignore("textDocument/publishDiagnostics");
    client.open_file(&jobs).await;
    assert_eq!(codes(&client.published(&jobs, Some(1)).await), ["AUD101", "AUD302", "AUD401"]);
    let text = client.open_file(&models).await;
    // The misspelt column exists from now on.
    client
        .replace(
            &models,
            2,
            &text.replace("    stock: Mapped[int]\n", "    stock: Mapped[int]\n    stok: Mapped[int | None]\n"),
        )
        .await;
    assert_eq!(codes(&client.published(&jobs, Some(1)).await), ["AUD101", "AUD302"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_document_goes_back_to_its_file_when_it_is_closed() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), capabilities()).await;
    client.ignore("textDocument/publishDiagnostics");
    client.did_open(&cart, "x = 1\n").await;
    assert!(client.published(&cart, Some(1)).await.is_empty());
    client.did_close(&cart).await;
    loop {
        if codes(&client.published(&cart, None).await) == ["AUD201"] {
            break;
        }
    }
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pulls_is_never_pushed_to() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let provider = client.server_capabilities["diagnosticProvider"].clone();
    assert_eq!(provider["interFileDependencies"], true);
    assert_eq!(provider["workspaceDiagnostics"], true);
    let text = client.open_file(&cart).await;
    // The answer waits for the index instead of saying half of what is known.
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201"]);
    let report = client.pull_report(&cart, None).await;
    let id = report["resultId"].as_str().unwrap().to_owned();
    let again = client.pull_report(&cart, Some(&id)).await;
    assert_eq!(again, json!({ "kind": "unchanged", "resultId": id }));
    client.replace(&cart, 2, &text.replace(".first()", ".with_for_update().first()")).await;
    let cured = client.pull_report(&cart, Some(&id)).await;
    assert_eq!((cured["kind"].as_str(), cured["items"].as_array().map(Vec::len)), (Some("full"), Some(0)));
    client.listen(Duration::from_millis(600)).await;
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_be_asked_to_pull_again_is_pushed_to() {
    let shop = Shop::new();
    let mut capabilities = pulling();
    capabilities["workspace"].as_object_mut().unwrap().remove("diagnostics");
    let mut client = TestClient::open(shop.root(), capabilities).await;
    assert!(client.server_capabilities.get("diagnosticProvider").is_none());
    client.ignore("textDocument/publishDiagnostics");
    let cart = shop.path("app/cart.py");
    client.open_file(&cart).await;
    assert_eq!(codes(&client.published(&cart, Some(1)).await), ["AUD201"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workspace_is_pulled_and_the_next_pull_waits_for_news() {
    let shop = Shop::new();
    let jobs = shop.path("app/jobs.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let params = json!({ "previousResultIds": [] });
    let first = client.request("workspace/diagnostic", params).await.unwrap();
    let items = first["items"].as_array().unwrap();
    let known: Vec<Value> = items.iter().map(|item| json!({ "uri": item["uri"], "value": item["resultId"] })).collect();
    let of = |items: &[Value], path: &std::path::Path| {
        let item = items.iter().find(|item| item["uri"] == *uri(path)).cloned();
        item.map(|item| codes(item["items"].as_array().unwrap()))
    };
    assert_eq!(of(items, &jobs).unwrap(), ["AUD101", "AUD302", "AUD401"]);
    assert_eq!(of(items, &shop.path("app/cart.py")).unwrap(), ["AUD201"]);
    // A file without findings is not mentioned.
    assert_eq!(items.len(), 2);

    let waiting = client.ask("workspace/diagnostic", json!({ "previousResultIds": known })).await;
    client.listen(Duration::from_millis(800)).await;
    shop.write("app/jobs.py", "x = 1\n");
    client.files_changed(&[(&jobs, 2)]).await;
    let news = client.answer(waiting).await.unwrap();
    let items = news["items"].as_array().unwrap();
    assert_eq!(of(items, &jobs).unwrap(), Vec::<String>::new());
    assert_eq!(items.len(), 1);

    // Whoever waits can be told to stop.
    let known = json!({ "previousResultIds": known });
    let cancelled = client.ask("workspace/diagnostic", known).await;
    let done = client.answer(cancelled);
    assert!(done.await.is_ok(), "the file that changed is news to who asks with the old ids");
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_the_workspace_come_as_they_are_found() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let params = json!({ "previousResultIds": [], "partialResultToken": "parts" });
    let id = client.ask("workspace/diagnostic", params).await;
    let part = client.wait(|message| message["method"] == "$/progress" && message["params"]["token"] == "parts").await;
    assert!(!part["params"]["value"]["items"].as_array().unwrap().is_empty());
    assert_eq!(client.answer(id).await.unwrap(), json!({ "items": [] }));
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_documents_are_pulled_again_when_a_file_on_disk_changes_them() {
    let shop = Shop::new();
    let jobs = shop.path("app/jobs.py");
    let models = shop.path("app/models.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.open_file(&jobs).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302", "AUD401"]);
    let text = shop.read("app/models.py");
    shop.write(
        "app/models.py",
        &text.replace("    stock: Mapped[int]\n", "    stock: Mapped[int]\n    stok: Mapped[int | None]\n"),
    );
    client.files_changed(&[(&models, 2)]).await;
    client.wait_until_asked("workspace/diagnostic/refresh", 1).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_result_is_never_published() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let text = shop.read("app/cart.py");
    let cured = text.replace(".first()", ".with_for_update().first()");
    let mut client = TestClient::open(shop.root(), capabilities()).await;
    client.did_open(&cart, &text).await;
    client.published(&cart, Some(1)).await;
    // Versions come faster than anybody can look at them; what is published of each must be true of it.
    for version in 2..200 {
        client.replace(&cart, version, if version % 2 == 0 { &cured } else { &text }).await;
    }
    client.published(&cart, Some(199)).await;
    client.listen(Duration::from_millis(500)).await;
    let mut last = 0;
    let mut client_messages = Vec::new();
    while client.forget_one("textDocument/publishDiagnostics", &mut client_messages) {}
    for params in &client_messages {
        if params["uri"] != *uri(&cart) {
            continue;
        }
        let Some(version) = params["version"].as_i64() else { continue };
        let expected: &[&str] = if version % 2 == 0 { &[] } else { &["AUD201"] };
        assert_eq!(codes(params["diagnostics"].as_array().unwrap()), expected, "version {version}");
        assert!(version > last, "version {version} after {last}");
        last = version;
    }
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dockerfiles_are_open_documents_like_others() {
    let shop = Shop::new();
    let dockerfile = shop.write("Dockerfile", "FROM python:3.12\nCOPY . /app\nRUN pip install -r requirements.txt\n");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = shop.read("Dockerfile");
    client.did_open_as(&uri(&dockerfile), "dockerfile", &text).await;
    client.pull(&dockerfile).await;
    assert_eq!(client.view(&dockerfile).await, text);
    client.finish().await;
}
