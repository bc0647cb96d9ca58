use super::{is_command, is_endpoint, is_test, is_unused, is_update_handler, only_reads};
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

#[test]
fn what_was_left_behind_is_unused() {
    let db = fixture(&[
        ("app/__init__.py", ""),
        ("app/main.py", "from app.services import Mailer, send\n\nsend()\n"),
        (
            "app/services/__init__.py",
            "from .letters import Mailer, Printer\nfrom .sending import send\n\n__all__ = ['Mailer', 'Printer', 'send']\n",
        ),
        (
            "app/services/letters.py",
            "class Mailer:\n    def run(self):\n        pass\n\n\nclass Printer:\n    def print(self):\n        seal()\n\n\ndef seal():\n    pass\n",
        ),
        ("app/services/sending.py", "from .letters import Mailer\n\n\ndef send():\n    Mailer().run()\n"),
        ("app/services/faxes.py", "from .sending import send\n\n\ndef fax():\n    dial()\n\n\ndef dial():\n    pass\n"),
    ]);
    let unused = |file: &str, name: &str| is_unused(&db, function(&db, file, name));
    // Given out by an inner package, and taken by nobody; what only it calls is unused as well.
    assert!(unused("app/services/letters.py", "Printer.print"));
    assert!(unused("app/services/letters.py", "seal"));
    assert!(!unused("app/services/letters.py", "Mailer.run"));
    // Of a module that nobody imports, in a package whose others are imported.
    assert!(unused("app/services/faxes.py", "fax"));
    assert!(unused("app/services/faxes.py", "dial"));
    assert!(!unused("app/services/sending.py", "send"));
}

#[test]
fn tasks_that_nobody_sends_are_unused() {
    let db = fixture(&[
        ("app/__init__.py", ""),
        (
            "app/tasks.py",
            "from celery import shared_task\n\n@shared_task(name='fold')\ndef fold_task():\n    pass\n\n@shared_task(name='sort')\ndef sort_task():\n    pass\n\n@shared_task\ndef pack():\n    pass\n",
        ),
        ("app/main.py", "from app import tasks\n\nSCHEDULE = {'nightly': {'task': 'sort'}}\ntasks.pack.delay()\n"),
    ]);
    let unused = |name: &str| is_unused(&db, function(&db, "app/tasks.py", name));
    assert!(unused("fold_task"));
    assert!(!unused("sort_task"));
    assert!(!unused("pack"));
}

#[test]
fn commands_of_a_class_that_nobody_makes_are_used() {
    let db = fixture(&[
        ("app/__init__.py", ""),
        ("app/main.py", "from app.cli import app\n\napp()\n"),
        (
            "app/cli.py",
            "import typer\n\napp = typer.Typer()\n\n\nclass Users:\n    @app.command()\n    def load(path: str):\n        read(path)\n\n\ndef read(path):\n    pass\n",
        ),
    ]);
    assert!(!is_unused(&db, function(&db, "app/cli.py", "Users.load")));
    assert!(!is_unused(&db, function(&db, "app/cli.py", "read")));
}
