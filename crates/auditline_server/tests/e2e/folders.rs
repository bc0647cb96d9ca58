//! Workspaces: several, one, none; and documents outside of all.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, capabilities, codes, pulling, uri};

async fn initialized(params: Value) -> TestClient {
    let mut client = TestClient::start();
    client.initialize(params).await;
    client
}

fn folder(path: &Path) -> Value {
    json!({ "uri": uri(path), "name": "folder" })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_folder_has_its_own_configuration() {
    let (one, other) = (Shop::new(), Shop::new());
    other.write("auditline.toml", "ignore = [\"AUD201\"]\n");
    let mut client = initialized(json!({
        "capabilities": pulling(),
        "workspaceFolders": [folder(one.root()), folder(other.root())],
    }))
    .await;
    client.open_file(&one.path("app/cart.py")).await;
    client.open_file(&other.path("app/cart.py")).await;
    assert_eq!(codes(&client.pull(&one.path("app/cart.py")).await), ["AUD201"]);
    assert!(client.pull(&other.path("app/cart.py")).await.is_empty());
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_come_and_go() {
    let (one, other) = (Shop::new(), Shop::new());
    let mut client =
        initialized(json!({ "capabilities": capabilities(), "workspaceFolders": [folder(one.root())] })).await;
    assert_eq!(codes(&client.published(&one.path("app/jobs.py"), None).await), ["AUD101", "AUD302", "AUD401"]);
    assert_eq!(codes(&client.published(&one.path("app/cart.py"), None).await), ["AUD201"]);
    let event = json!({ "event": { "added": [folder(other.root())], "removed": [folder(one.root())] } });
    client.notify("workspace/didChangeWorkspaceFolders", event).await;
    // What was said of the folder that went is taken back.
    assert!(client.published(&one.path("app/jobs.py"), None).await.is_empty());
    assert!(client.published(&one.path("app/cart.py"), None).await.is_empty());
    assert_eq!(codes(&client.published(&other.path("app/jobs.py"), None).await), ["AUD101", "AUD302", "AUD401"]);
    assert_eq!(codes(&client.published(&other.path("app/cart.py"), None).await), ["AUD201"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_clients_have_one_root() {
    let shop = Shop::new();
    for root in [
        json!({ "rootUri": uri(shop.root()) }),
        json!({ "rootPath": shop.root() }),
        json!({ "rootUri": uri(shop.root()), "rootPath": "/somewhere/else", "workspaceFolders": null }),
    ] {
        let mut params = root.clone();
        params["capabilities"] = capabilities();
        let mut client = initialized(params).await;
        assert_eq!(
            codes(&client.published(&shop.path("app/jobs.py"), None).await),
            ["AUD101", "AUD302", "AUD401"],
            "{root}"
        );
        client.ignore("textDocument/publishDiagnostics");
        client.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_folder_the_project_around_a_document_is_read_but_not_reported() {
    let shop = Shop::new();
    let jobs = shop.path("app/jobs.py");
    let mut client = initialized(json!({ "capabilities": capabilities() })).await;
    client.open_file(&jobs).await;
    assert_eq!(codes(&client.published(&jobs, Some(1)).await), ["AUD101", "AUD302", "AUD401"]);
    client.did_close(&jobs).await;
    assert!(client.published(&jobs, None).await.is_empty());
    client.listen(std::time::Duration::from_millis(600)).await;
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_project_what_stands_beside_a_document_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new();
    for file in ["database", "models", "jobs"] {
        let text = shop.read(&format!("app/{file}.py")).replace("app.", "");
        std::fs::write(folder.path().join(format!("{file}.py")), text).unwrap();
    }
    let jobs = folder.path().join("jobs.py");
    let mut client = initialized(json!({ "capabilities": pulling(), "rootUri": null, "rootPath": null })).await;
    client.open_file(&jobs).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302", "AUD401"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_outside_of_the_folders_has_its_own_project() {
    let (one, other) = (Shop::new(), Shop::new());
    let mut client = initialized(json!({ "capabilities": pulling(), "workspaceFolders": [folder(one.root())] })).await;
    let jobs = other.path("app/jobs.py");
    client.open_file(&jobs).await;
    assert_eq!(codes(&client.pull(&jobs).await), ["AUD101", "AUD302", "AUD401"]);
    client.did_close(&jobs).await;
    // Closed it is nobody's file again.
    assert!(client.pull(&jobs).await.is_empty());
    client.open_file(&one.path("app/cart.py")).await;
    assert_eq!(codes(&client.pull(&one.path("app/cart.py")).await), ["AUD201"]);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_on_no_disk_are_checked_by_their_language() {
    let text = "from sqlalchemy.orm import Mapped, mapped_column, DeclarativeBase\n\n\nclass Base(DeclarativeBase):\n    pass\n\n\nclass Item(Base):\n    __tablename__ = \"items\"\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n    stock: Mapped[int]\n\n\ndef lamp() -> Item:\n    return Item(stok=1)\n";
    let shop = Shop::new();
    let mut client = TestClient::open(shop.root(), pulling()).await;
    for uri in ["untitled:Untitled-1", "untitled:Untitled-2"] {
        client.did_open_as(uri, "python", text).await;
        let report =
            client.request("textDocument/diagnostic", json!({ "textDocument": { "uri": uri } })).await.unwrap();
        assert_eq!(codes(report["items"].as_array().unwrap()), ["AUD401"], "{uri}");
    }
    client.did_open_as("untitled:Untitled-3", "markdown", text).await;
    let params = json!({ "textDocument": { "uri": "untitled:Untitled-3" } });
    assert_eq!(client.request("textDocument/diagnostic", params).await.unwrap()["items"], json!([]));
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_project_leaves_out_is_not_reported_when_it_is_open() {
    let shop = Shop::new();
    let text = shop.read("app/jobs.py");
    let installed = shop.write("venv/lib/python3.12/site-packages/app/jobs.py", &text);
    shop.write("venv/pyvenv.cfg", "");
    let ignored = shop.write("app/generated/jobs.py", &text);
    shop.write(".gitignore", "generated/\n");
    let new = shop.path("app/new.py");
    let mut client = TestClient::open(shop.root(), pulling()).await;
    for (path, expected) in [(&installed, &[][..]), (&ignored, &[]), (&new, &["AUD101", "AUD302", "AUD401"])] {
        client.did_open(path, &text).await;
        assert_eq!(codes(&client.pull(path).await), expected, "{}", path.display());
    }
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_inside_a_project_reads_all_and_reports_its_own() {
    let shop = Shop::new();
    let text = shop.read("app/jobs.py");
    shop.write("app/inner/jobs.py", &text);
    let mut client = TestClient::open(&shop.path("app/inner"), capabilities()).await;
    // The models stand outside of the folder.
    assert_eq!(codes(&client.published(&shop.path("app/inner/jobs.py"), None).await), ["AUD101", "AUD302", "AUD401"]);
    client.listen(std::time::Duration::from_millis(300)).await;
    client.finish().await;
}
