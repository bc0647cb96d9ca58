//! Files, configuration and settings that change while the server runs.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, capabilities, codes, pulling, uri};

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_asked_to_watch_what_matters() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.wait_until_asked("client/registerCapability", 1).await;
    let (_, params) = client.asked.iter().find(|(method, _)| method == "client/registerCapability").unwrap().clone();
    let registration = &params["registrations"][0];
    assert_eq!(registration["method"], "workspace/didChangeWatchedFiles");
    let watchers = registration["registerOptions"]["watchers"].as_array().unwrap();
    assert!(watchers.iter().any(|watcher| watcher["globPattern"].as_str().unwrap().contains("py,pyi")));
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_changed_and_deleted_files_count() {
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let jobs = shop.path("app/jobs.py");
    client.open_file(&jobs).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302", "AUD401"]);
    // The models go: what cannot be resolved is no finding but that it is gone.
    let models = shop.path("app/models.py");
    let text = shop.read("app/models.py");
    std::fs::remove_file(&models).unwrap();
    client.files_changed(&[(&models, 3)]).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302", "AUD706"]);
    // They come back as a package.
    let package = shop.write("app/models/__init__.py", &text);
    client.files_changed(&[(&package, 1)]).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302", "AUD401"]);
    // The directory goes as a whole.
    std::fs::remove_dir_all(shop.path("app/models")).unwrap();
    client.files_changed(&[(&shop.path("app/models"), 3)]).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302", "AUD706"]);
    // A directory comes as a whole.
    shop.write("app/models/__init__.py", &text);
    client.files_changed(&[(&shop.path("app/models"), 1)]).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302", "AUD401"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_on_disk_does_not_overrule_an_open_document() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = client.open_file(&cart).await;
    shop.write("app/cart.py", "x = 1\n");
    client.files_changed(&[(&cart, 2)]).await;
    assert_eq!(client.view(&cart).await, text);
    assert_eq!(codes(&client.pull(&cart).await), ["AUD201"]);
    client.did_close(&cart).await;
    assert!(client.pull(&cart).await.is_empty());
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_is_read_again() {
    let shop = Shop::new();
    let cart = shop.path("app/cart.py");
    let config = shop.path("auditline.toml");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    client.open_file(&cart).await;
    assert_eq!(client.pull(&cart).await[0]["severity"], 2);

    shop.write("auditline.toml", "[severity]\nAUD201 = \"error\"\n");
    client.files_changed(&[(&config, 1)]).await;
    assert_eq!(client.pull(&cart).await[0]["severity"], 1);
    client.wait_until_asked("workspace/diagnostic/refresh", 0).await;

    // A mistake is told with its place, and what counted before goes on to count.
    shop.write("auditline.toml", "[severity]\nAUD201 = \"fatal\"\n");
    client.files_changed(&[(&config, 2)]).await;
    assert_eq!(client.pull(&cart).await[0]["severity"], 1);
    let shown = client.wait(|message| message["method"] == "window/showMessage").await;
    let message = shown["params"]["message"].as_str().unwrap();
    assert!(message.contains("auditline.toml:2:10") && message.contains("fatal"), "{message}");
    let mistakes = client.pull(&config).await;
    assert_eq!(mistakes[0]["range"]["start"], json!({ "line": 1, "character": 9 }));

    shop.write("auditline.toml", "exclude = [\"app/cart.py\"]\n");
    client.files_changed(&[(&config, 2)]).await;
    client.pull_until(&cart, &[]).await;
    std::fs::remove_file(&config).unwrap();
    client.files_changed(&[(&config, 3)]).await;
    client.pull_until(&cart, &["AUD201"]).await;
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_editor_count() {
    let shop = Shop::new();
    let jobs = shop.path("app/jobs.py");
    let mut client = TestClient::start();
    client
        .initialize(json!({
            "capabilities": pulling(),
            "rootUri": uri(shop.root()),
            "initializationOptions": { "ignore": ["AUD401"] },
        }))
        .await;
    client.open_file(&jobs).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302"]);
    let settings = json!({ "settings": { "auditline": { "select": ["AUD4"] } } });
    client.notify("workspace/didChangeConfiguration", settings).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD401"]);
    let settings = json!({ "settings": { "auditline": { "select": ["AUD9999"], "hints": "yes" } } });
    client.notify("workspace/didChangeConfiguration", settings).await;
    for word in ["AUD9999", "hints"] {
        client
            .wait(|message| {
                message["method"] == "window/showMessage"
                    && message["params"]["message"].as_str().unwrap().contains(word)
            })
            .await;
    }
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_asked_for_where_the_client_tells_them() {
    let shop = Shop::new();
    let jobs = shop.path("app/jobs.py");
    let mut client = TestClient::start();
    client.settings = json!({ "ignore": ["AUD1", "AUD3"] });
    let mut capabilities = pulling();
    capabilities["workspace"]["configuration"] = json!(true);
    client.initialize(json!({ "capabilities": capabilities, "rootUri": uri(shop.root()) })).await;
    client.open_file(&jobs).await;
    client.wait_until_asked("workspace/configuration", 1).await;
    client.pull_until(&jobs, &["AUD401"]).await;
    client.settings = json!({ "ignore": ["AUD4"] });
    client.notify("workspace/didChangeConfiguration", json!({ "settings": null })).await;
    client.pull_until(&jobs, &["AUD101", "AUD302"]).await;
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_about_posture_are_shown_when_asked_for() {
    let shop = Shop::new();
    shop.write("auditline.toml", "[severity]\nAUD401 = \"hint\"\n");
    let jobs = shop.path("app/jobs.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    let text = client.open_file(&jobs).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302"]);
    let (line, column) = crate::client::find(&text, "stok");
    assert_eq!(client.hover(&jobs, line, column).await, Value::Null);
    let settings = json!({ "settings": { "auditline": { "hints": true } } });
    client.notify("workspace/didChangeConfiguration", settings).await;
    let found = client.pull(&jobs).await;
    assert_eq!(codes(&found), ["AUD101", "AUD302", "AUD401"]);
    assert!(found.iter().any(|diagnostic| diagnostic["severity"] == 4));
    client.finish().await;
}

/// A client that does not watch files: the server does.
async fn unwatched(root: &Path) -> TestClient {
    let mut capabilities = capabilities();
    capabilities["workspace"].as_object_mut().unwrap().remove("didChangeWatchedFiles");
    let mut client = TestClient::open(root, capabilities).await;
    client.ignore("textDocument/publishDiagnostics");
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_watches_by_itself_where_the_client_does_not() {
    let shop = Shop::new();
    let jobs = shop.path("app/jobs.py");
    let mut client = unwatched(shop.root()).await;
    assert_eq!(codes(&client.published(&jobs, None).await), ["AUD101", "AUD302", "AUD401"]);
    let text = shop.read("app/jobs.py");
    shop.write("app/jobs.py", "x = 1\n");
    assert!(client.published(&jobs, None).await.is_empty());
    // A file in a directory that was not there.
    let new = shop.write("app/new/deep/jobs.py", &text);
    assert_eq!(codes(&client.published(&new, None).await), ["AUD101", "AUD302", "AUD401"]);
    // A file that takes the place of another one, as editors save.
    shop.write("app/jobs.py.tmp", &text);
    std::fs::rename(shop.path("app/jobs.py.tmp"), &jobs).unwrap();
    assert_eq!(codes(&client.published(&jobs, None).await), ["AUD101", "AUD302", "AUD401"]);
    std::fs::remove_dir_all(shop.path("app/new")).unwrap();
    assert!(client.published(&new, None).await.is_empty());
    shop.write("auditline.toml", "ignore = [\"AUD1\"]\n");
    assert_eq!(codes(&client.published(&jobs, None).await), ["AUD302", "AUD401"]);
    assert_eq!(client.times_asked("client/registerCapability"), 0);
    client.finish().await;
}
