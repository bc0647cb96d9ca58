use super::{is_command, is_endpoint, is_test, is_update_handler, only_reads};
use crate::fixture::{file, fixture, function};

#[test]
fn a_name_that_speaks_of_tests_is_not_enough() {
    let db = fixture(&[
        (
            "app/crud/test_repository.py",
            "from app import models\n\n\ndef create(session, name):\n    session.add(models.Repository(name=name))\n",
        ),
        ("app/load_test.py", "import time\n\n\ndef load():\n    time.sleep(1)\n"),
        ("app/test_api.py", "def test_index(client):\n    assert client.get('/').status_code == 200\n"),
        (
            "app/test_helpers.py",
            "from unittest.mock import patch\n\n\ndef no_mail():\n    return patch('app.mail.send')\n",
        ),
        ("app/conftest.py", ""),
        ("tests/helpers.py", ""),
    ]);
    let judged = |path: &str| is_test(&db, file(&db, path));
    assert!(!judged("app/crud/test_repository.py") && !judged("app/load_test.py"));
    assert!(judged("app/test_api.py") && judged("app/test_helpers.py"));
    assert!(judged("app/conftest.py") && judged("tests/helpers.py"));
}

#[test]
fn endpoints_are_registered_in_many_ways() {
    let db = fixture(&[(
        "app/views.py",
        "
import strawberry
from aiohttp import web
from flask import Blueprint
from flask.views import MethodView
from litestar import get
from protos import orders_pb2_grpc

blueprint = Blueprint('b', __name__)

class Orders(MethodView):
    def get(self): ...
    def put(self): ...
    def total(self): ...

class Servicer(orders_pb2_grpc.OrdersServicer):
    def Place(self, request, context): ...
    def _check(self, request): ...

@get('/orders')
async def shown(): ...

@strawberry.mutation
def placed(): ...

def ruled(): ...
blueprint.add_url_rule('/orders', 'ruled', ruled)

async def told(request): ...
async def posted(request): ...

class Site:
    def __init__(self, app):
        app.router.add_get('/orders', self.index)
        app.add_routes([web.get('/told', told), web.post('/posted', posted)])

    async def index(self, request): ...
    async def helper(self, request): ...

def wrapped(method, path): ...

@wrapped(blueprint.post, '/wrapped')
def handed(): ...

@wrapped(blueprint.name, '/wrapped')
def named(): ...
",
    )]);
    let found = |name: &str| {
        let of = function(&db, "app/views.py", name);
        (is_endpoint(&db, of), only_reads(&db, of))
    };
    for name in ["Orders.get", "shown", "told", "Site.index"] {
        assert_eq!(found(name), (true, true), "{name}");
    }
    for name in ["Orders.put", "Servicer.Place", "placed", "posted", "handed", "ruled"] {
        assert_eq!(found(name), (true, false), "{name}");
    }
    for name in ["Orders.total", "Servicer._check", "Site.helper", "wrapped", "named"] {
        assert_eq!(found(name), (false, false), "{name}");
    }
}

#[test]
fn bots_handle_updates() {
    let db = fixture(&[
        (
            "app/telegram.py",
            "
from aiogram import Dispatcher, Router

router = Router()

@router.callback_query()
async def pressed(query): ...

async def told(message): ...

async def helper(message): ...

def register(dispatcher: Dispatcher):
    dispatcher.message.register(told)
",
        ),
        (
            "app/discord_bot.py",
            "
from discord.ext import commands

bot = commands.Bot()

@bot.command()
async def buy(context): ...
",
        ),
        (
            "app/manage.py",
            "
import app_cli

@app_cli.command()
def load(): ...
",
        ),
        (
            "app/ptb.py",
            "
from telegram.ext import CommandHandler

async def start(update, context): ...

CommandHandler('start', start)
",
        ),
    ]);
    let handles = |file: &str, name: &str| is_update_handler(&db, function(&db, file, name));
    assert!(handles("app/telegram.py", "pressed") && handles("app/telegram.py", "told"));
    assert!(handles("app/discord_bot.py", "buy"));
    assert!(!handles("app/telegram.py", "helper") && !handles("app/ptb.py", "start"));
    assert!(!handles("app/manage.py", "load"));
    assert!(is_command(&db, function(&db, "app/manage.py", "load")));
    assert!(!is_command(&db, function(&db, "app/discord_bot.py", "buy")));
}
