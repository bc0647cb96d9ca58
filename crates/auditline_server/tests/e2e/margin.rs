//! Lenses and inlay hints: off until they are wanted, and true while other files change.

use serde_json::{Value, json};

use crate::client::{Shop, TestClient, capabilities, find, uri};

const SERVICE: &str = "from sqlalchemy.orm import Session

from app.models import Item


def save(db: Session) -> None:
    db.commit()


def save_if(db: Session, now: bool) -> None:
    if now:
        db.commit()


def look(db: Session, sku: str) -> Item | None:
    return db.query(Item).filter(Item.sku == sku).with_for_update().first()
";

const ROUTES: &str = "from celery import shared_task
from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session

from app.database import SessionLocal, get_db
from app.models import Item
from app.service import look, save, save_if

router = APIRouter()


@router.post(\"/take/{sku}\")
def take(sku: str, now: bool, db: Session = Depends(get_db)) -> None:
    item = look(db, sku)
    item.stock = 0
    note = \"🛒\"; save(db)
    save_if(db, now)


@router.get(\"/health\")
def health() -> str:
    return \"ok\"


@shared_task
def restock() -> None:
    with SessionLocal() as db:
        for sku in (\"a\", \"b\"):
            db.add(Item(sku=sku))
            db.commit()


@router.put(\"/forget\")
def forget(db: Session = Depends(get_db)) -> None:
    db.add(Item(sku=\"c\"))


def helper(db: Session) -> None:
    save(db)
";

fn wanting(settings: Value) -> Value {
    let mut capabilities = capabilities();
    capabilities["workspace"]["codeLens"] = json!({ "refreshSupport": true });
    capabilities["workspace"]["inlayHint"] = json!({ "refreshSupport": true });
    json!({ "processId": null, "capabilities": capabilities, "initializationOptions": settings })
}

async fn open(shop: &Shop, settings: Value) -> TestClient {
    shop.write("app/service.py", SERVICE);
    let routes = shop.write("app/routes.py", ROUTES);
    let mut params = wanting(settings);
    params["workspaceFolders"] = json!([{ "uri": uri(shop.root()), "name": "folder" }]);
    let mut client = TestClient::start();
    client.ignore("textDocument/publishDiagnostics");
    client.initialize(params).await;
    client.did_open(&routes, ROUTES).await;
    client
}

async fn lenses(client: &mut TestClient, shop: &Shop) -> Vec<(u64, String)> {
    let params = json!({ "textDocument": { "uri": uri(&shop.path("app/routes.py")) } });
    let answer = client.request("textDocument/codeLens", params).await.unwrap();
    let lens = |lens: &Value| {
        (lens["range"]["start"]["line"].as_u64().unwrap(), lens["command"]["title"].as_str().unwrap().to_owned())
    };
    answer.as_array().unwrap().iter().map(lens).collect()
}

async fn hints(client: &mut TestClient, shop: &Shop) -> Vec<Value> {
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9999, "character": 0 } });
    let params = json!({ "textDocument": { "uri": uri(&shop.path("app/routes.py")) }, "range": range });
    client.request("textDocument/inlayHint", params).await.unwrap().as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_off_until_they_are_wanted() {
    let shop = Shop::new();
    let mut client = open(&shop, Value::Null).await;
    assert!(client.server_capabilities["codeLensProvider"].is_object());
    assert_eq!(client.server_capabilities["inlayHintProvider"], true);
    assert!(lenses(&mut client, &shop).await.is_empty());
    assert!(hints(&mut client, &shop).await.is_empty());
    let settings = json!({ "auditline": { "codeLens": true, "inlayHints": true } });
    client.notify("workspace/didChangeConfiguration", json!({ "settings": settings })).await;
    client.wait_until_asked("workspace/codeLens/refresh", 1).await;
    client.wait_until_asked("workspace/inlayHint/refresh", 1).await;
    assert_eq!(lenses(&mut client, &shop).await.len(), 3);
    assert_eq!(hints(&mut client, &shop).await.len(), 3);
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lens_says_the_unit_of_work_in_one_line() {
    let shop = Shop::new();
    let mut client = open(&shop, json!({ "codeLens": true })).await;
    let (take, _) = find(ROUTES, "@router.post");
    let (restock, _) = find(ROUTES, "@shared_task");
    let (forget, _) = find(ROUTES, "@router.put");
    let expected = [
        (take as u64, "reads Item · locks Item · writes Item · 2 commits in save, save_if".to_owned()),
        (restock as u64, "writes Item · 1 commit, in a loop".to_owned()),
        (forget as u64, "writes Item · no commit".to_owned()),
    ];
    assert_eq!(lenses(&mut client, &shop).await, expected);

    // Another file changes what is true, and the client is asked to look again.
    let service = shop.path("app/service.py");
    client.did_open(&service, SERVICE).await;
    client.replace(&service, 2, &SERVICE.replace(".with_for_update()", "")).await;
    client.wait_until_asked("workspace/codeLens/refresh", 1).await;
    assert_eq!(lenses(&mut client, &shop).await[0].1, "reads Item · writes Item · 2 commits in save, save_if");
    client.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_stands_behind_a_call_that_commits() {
    let shop = Shop::new();
    let mut client = open(&shop, json!({ "inlayHints": true })).await;
    let found = hints(&mut client, &shop).await;
    let places: Vec<(&str, &Value)> =
        found.iter().map(|hint| (hint["label"].as_str().unwrap(), &hint["position"])).collect();
    let behind = |call: &str| {
        let (line, column) = find(ROUTES, call);
        json!({ "line": line, "character": column + call.encode_utf16().count() })
    };
    let expected = [
        ("commits the caller's transaction", &behind("note = \"🛒\"; save(db)")),
        ("may commit the caller's transaction", &behind("save_if(db, now)")),
    ];
    assert_eq!(places[..2], expected);
    assert_eq!(places[2].0, "commits the caller's transaction");
    let (line, _) = find(SERVICE, "def save(");
    assert_eq!(found[0]["tooltip"], format!("save commits the session that it uses (app/service.py:{})", line + 1));

    // Only what is in sight is asked for, and a callee that commits no more is silent.
    let service = shop.path("app/service.py");
    client.did_open(&service, SERVICE).await;
    client.replace(&service, 2, &SERVICE.replacen("db.commit()", "db.flush()", 1)).await;
    client.wait_until_asked("workspace/inlayHint/refresh", 1).await;
    assert_eq!(hints(&mut client, &shop).await.len(), 1);
    client.finish().await;
}
