//! Mapped classes.
#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

use std::sync::Arc;

use auditline_model::RootDatabase;
use auditline_model::fixture::{class, file, fixture};
use auditline_model::tables::{
    AttributeKind, Column, Derived, Gap, ModelKind, OrmModel, Relationship, ServerDefault, TypeFamily, orm_model,
    tables_of_module,
};
use auditline_syntax::Name;

fn model(db: &RootDatabase, relative: &str, path: &str) -> Arc<OrmModel> {
    orm_model(db, class(db, relative, path)).unwrap_or_else(|| panic!("{path} is not mapped"))
}

#[track_caller]
fn column<'a>(model: &'a OrmModel, name: &str) -> &'a Column {
    model.column(Name::new(name)).unwrap_or_else(|| panic!("no column {name}"))
}

#[track_caller]
fn relationship<'a>(model: &'a OrmModel, name: &str) -> &'a Relationship {
    model.relationship(Name::new(name)).unwrap_or_else(|| panic!("no relationship {name}"))
}

fn kind<'a>(model: &'a OrmModel, name: &str) -> Option<&'a AttributeKind> {
    model.attribute(Name::new(name)).map(|attribute| &attribute.kind)
}

const BASE: (&str, &str) = (
    "app/base.py",
    "import uuid\nfrom datetime import datetime\nfrom typing import Annotated\nfrom sqlalchemy import String, func\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, declared_attr\n\
     intpk = Annotated[int, mapped_column(primary_key=True)]\nstr50 = Annotated[str, mapped_column(String(50))]\n\
     class Base(DeclarativeBase):\n    @declared_attr.directive\n    def __tablename__(cls) -> str:\n        return cls.__name__.lower()\n\
     class Stamped:\n    created_at: Mapped[datetime] = mapped_column(server_default=func.now())\n    updated_at: Mapped[datetime | None] = mapped_column(onupdate=datetime.now)\n    @declared_attr\n    def owner_id(cls) -> Mapped[int]:\n        return mapped_column(ForeignKey('users.id'), index=True)\n\
     class Abstract(Base):\n    __abstract__ = True\n    key: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)\n",
);

#[test]
fn mapped_columns_with_mixins_and_aliases() {
    let db = fixture(&[
        ("app/__init__.py", ""),
        BASE,
        (
            "app/models.py",
            "import enum\nfrom sqlalchemy import ForeignKey, String, DateTime, Numeric, Text, Enum, JSON\nfrom sqlalchemy.dialects.postgresql import JSONB, ARRAY\nfrom sqlalchemy.ext.mutable import MutableDict\nfrom sqlalchemy.orm import Mapped, mapped_column, relationship, validates, column_property, synonym\nfrom sqlalchemy.ext.hybrid import hybrid_property\nfrom typing import Optional, ClassVar, Literal\nfrom app.base import Base, Abstract, Stamped, intpk, str50\n\
             class Status(str, enum.Enum):\n    new = 'new'\n\
             class User(Stamped, Abstract):\n    __tablename__ = 'users'\n    id: Mapped[intpk]\n    name: Mapped[str50]\n    nick: Mapped[Optional[str]] = mapped_column('nickname', String(20), unique=True)\n    status: Mapped[Status]\n    size: Mapped[Literal['s', 'm']]\n    data: Mapped[dict] = mapped_column(MutableDict.as_mutable(JSONB), default=dict)\n    raw: Mapped[dict] = mapped_column(JSON, nullable=True)\n    seen: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default='now()')\n    LIMIT: ClassVar[int] = 3\n    plain = 3\n    note: str\n    full = column_property(name + nick)\n    alias = synonym('name')\n    orders: Mapped[list['Order']] = relationship(back_populates='user', cascade='all, delete-orphan')\n    @hybrid_property\n    def loud(self): ...\n    @property\n    def quiet(self): ...\n    @validates('name')\n    def check(self, key, value): ...\n\
             class Order(Base):\n    id: Mapped[int] = mapped_column(primary_key=True)\n    user_id: Mapped[int] = mapped_column(ForeignKey('users.id', ondelete='CASCADE'))\n    user: Mapped['User'] = relationship(back_populates='orders', lazy='joined')\n    total: Mapped[float] = mapped_column(Numeric(10, 2))\n",
        ),
    ]);
    let user = model(&db, "app/models.py", "User");
    assert!(user.complete, "{:?}", user.gaps);
    assert!(user.is_table() && !user.custom_init);
    assert_eq!(user.table.as_deref(), Some("users"));
    let id = column(&user, "id");
    assert!(id.primary_key);
    assert_eq!((id.nullable, id.family), (Some(false), TypeFamily::Integer));
    let name = column(&user, "name");
    assert_eq!((name.family, name.length, name.nullable), (TypeFamily::String, Some(50), Some(false)));
    let nick = column(&user, "nick");
    assert_eq!(nick.column_name.as_deref(), Some("nickname"));
    assert!(nick.unique);
    assert_eq!((nick.length, nick.nullable), (Some(20), Some(true)));
    assert_eq!(column(&user, "status").family, TypeFamily::Enum);
    assert_eq!(column(&user, "size").family, TypeFamily::Enum);
    let data = column(&user, "data");
    assert!(data.mutable && data.has_default);
    assert_eq!(data.family, TypeFamily::Json);
    let raw = column(&user, "raw");
    assert_eq!((raw.mutable, raw.nullable, raw.nullable_written), (false, Some(true), true));
    let seen = column(&user, "seen");
    assert_eq!(seen.zoned, Some(true));
    assert_eq!(seen.server_default, Some(ServerDefault::Text(Name::new("now()"))));
    assert!(column(&user, "created_at").has_server_default);
    assert_eq!(column(&user, "created_at").server_default, Some(ServerDefault::Expression));
    assert!(column(&user, "updated_at").has_onupdate);
    assert_eq!(column(&user, "owner_id").foreign_key.as_deref(), Some("users.id"));
    assert!(column(&user, "owner_id").index);
    assert_eq!(column(&user, "key").family, TypeFamily::Uuid);
    assert_eq!(kind(&user, "LIMIT"), Some(&AttributeKind::Plain));
    assert_eq!(kind(&user, "plain"), Some(&AttributeKind::Plain));
    assert_eq!(kind(&user, "note"), Some(&AttributeKind::Plain));
    assert_eq!(kind(&user, "full"), Some(&AttributeKind::Derived(Derived::Expression)));
    assert_eq!(kind(&user, "alias"), Some(&AttributeKind::Derived(Derived::Synonym)));
    assert_eq!(kind(&user, "loud"), Some(&AttributeKind::Derived(Derived::Hybrid)));
    assert_eq!(kind(&user, "quiet"), Some(&AttributeKind::Plain));
    let orders = relationship(&user, "orders");
    assert_eq!(orders.target, Some(class(&db, "app/models.py", "Order")));
    assert_eq!((orders.uselist, orders.cascade.as_deref()), (Some(true), Some("all, delete-orphan")));

    let order = model(&db, "app/models.py", "Order");
    assert_eq!(order.table.as_deref(), Some("order"));
    assert_eq!(column(&order, "user_id").on_delete.as_deref(), Some("CASCADE"));
    assert_eq!(column(&order, "total").family, TypeFamily::Numeric);
    let back = relationship(&order, "user");
    assert_eq!((back.uselist, back.lazy.as_deref()), (Some(false), Some("joined")));

    assert!(model(&db, "app/base.py", "Base").is_abstract);
    assert!(model(&db, "app/base.py", "Abstract").is_abstract);
    assert!(orm_model(&db, class(&db, "app/base.py", "Stamped")).is_none());
    assert!(orm_model(&db, class(&db, "app/models.py", "Status")).is_none());
}

#[test]
fn old_declarative_with_a_custom_base_and_backrefs() {
    let db = fixture(&[
        (
            "db.py",
            "from sqlalchemy.ext.declarative import declarative_base\nclass Common:\n    def as_dict(self): ...\n    id = Column(BigInteger, primary_key=True)\nBase = declarative_base(cls=Common)\nModel = Base\n",
        ),
        (
            "models.py",
            "import sqlalchemy as sa\nfrom sqlalchemy import Column, Integer, UniqueConstraint, Index, ForeignKey\nfrom sqlalchemy.orm import relationship, backref\nfrom functools import partial\nimport db\nfrom db import Model\n\
             Required = partial(Column, nullable=False)\ndef key_column():\n    return Column(Integer, ForeignKey('teams.id'))\n\
             class Team(db.Base):\n    __tablename__ = 'teams'\n    name = Required(sa.String(10))\n    __table_args__ = (UniqueConstraint('name', 'kind'), Index('ix', 'kind', unique=True, postgresql_where=True), {'schema': 'app'})\n    kind = sa.Column('type', sa.Text)\n    version = Column(Integer)\n    __mapper_args__ = {'version_id_col': version, 'polymorphic_on': kind}\n\
             class Member(Model):\n    __tablename__ = 'members'\n    team_id = key_column()\n    team = relationship('Team', backref=backref('members', lazy='dynamic'))\n    boss_id = Column(Integer, ForeignKey('members.id'))\n    boss = relationship('Member', remote_side='Member.id', backref='staff')\n    tags = relationship('Tag', secondary='x', backref='owners')\n\
             class Tag(Model):\n    __tablename__ = 'tags'\n\
             Team.later = sa.orm.column_property(1)\n",
        ),
        ("migrations/versions/a.py", "from db import Base\nclass Team(Base):\n    __tablename__ = 'teams'\n"),
    ]);
    let team = model(&db, "models.py", "Team");
    assert!(team.complete, "{:?}", team.gaps);
    assert_eq!(column(&team, "id").family, TypeFamily::BigInteger);
    assert_eq!(column(&team, "id").nullable, Some(false));
    let name = column(&team, "name");
    assert_eq!((name.nullable, name.length), (Some(false), Some(10)));
    let kind_column = column(&team, "kind");
    assert_eq!((kind_column.column_name.as_deref(), kind_column.nullable), (Some("type"), Some(true)));
    assert!(team.has_version_counter);
    assert_eq!(team.polymorphic_on.as_deref(), Some("kind"));
    assert_eq!(team.schema.as_deref(), Some("app"));
    assert_eq!(team.unique, [[Name::new("name"), Name::new("kind")]], "a partial index is not unique as a whole");
    assert_eq!(team.indexes.len(), 1);
    assert_eq!(kind(&team, "as_dict"), Some(&AttributeKind::Plain));
    assert_eq!(kind(&team, "later"), Some(&AttributeKind::Derived(Derived::Unknown)));
    let members = relationship(&team, "members");
    assert_eq!((members.target, members.uselist), (Some(class(&db, "models.py", "Member")), Some(true)));

    let member = model(&db, "models.py", "Member");
    assert_eq!(column(&member, "team_id").foreign_key.as_deref(), Some("teams.id"));
    let to_team = relationship(&member, "team");
    assert_eq!(to_team.target, Some(class(&db, "models.py", "Team")), "not the one of the migration");
    assert_eq!(to_team.uselist, Some(false));
    assert_eq!(relationship(&member, "boss").uselist, Some(false));
    assert!(member.relationship(Name::new("staff")).is_some());
    assert_eq!(relationship(&model(&db, "models.py", "Tag"), "owners").uselist, Some(true));
}

#[test]
fn flask_models_name_their_tables() {
    let db = fixture(&[
        ("ext.py", "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n"),
        (
            "models.py",
            "from ext import db\nclass HTTPServer(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n    owner_id = db.Column(db.Integer, db.ForeignKey('users.id'))\n    owner = db.relationship('Users', foreign_keys='HTTPServer.owner_id', lazy='select')\n\
             class _Secret(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n\
             class Users(db.Model):\n    __tablename__ = 'users'\n    id = db.Column(db.Integer, primary_key=True)\n    type = db.Column(db.String(80))\n    def __init__(self, **kwargs): ...\n\
             class Admins(Users):\n    __mapper_args__ = {'polymorphic_identity': 'admin'}\n",
        ),
    ]);
    let server = model(&db, "models.py", "HTTPServer");
    assert_eq!(server.table.as_deref(), Some("http_server"));
    assert_eq!(model(&db, "models.py", "_Secret").table.as_deref(), Some("secret"));
    assert!(server.complete && server.is_table());
    assert_eq!(relationship(&server, "owner").uselist, Some(false));
    let admins = model(&db, "models.py", "Admins");
    assert_eq!(admins.table.as_deref(), Some("users"));
    assert!(admins.is_table() && admins.custom_init);
    assert_eq!(column(&admins, "type").length, Some(80));
}

#[test]
fn sqlmodel_tables_and_plain_models() {
    let db = fixture(&[(
        "models.py",
        "import uuid\nfrom sqlmodel import Field, Relationship, SQLModel, JSON, Column\nfrom pydantic import EmailStr\n\
         class UserBase(SQLModel):\n    email: EmailStr = Field(unique=True, index=True, max_length=255)\n    is_active: bool = True\n    name: str | None = Field(default=None)\n\
         class UserCreate(UserBase):\n    password: str\n\
         class User(UserBase, table=True):\n    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)\n    data: dict = Field(sa_column=Column(JSON))\n    owner: int = Field(foreign_key='team.id', ondelete='CASCADE')\n    items: list['Item'] = Relationship(back_populates='owner')\n\
         class Item(SQLModel, table=True):\n    __tablename__ = 'things'\n    id: int | None = Field(default=None, primary_key=True)\n    owner: User | None = Relationship(back_populates='items')\n",
    )]);
    let user = model(&db, "models.py", "User");
    assert_eq!(user.kind, ModelKind::SqlModelTable);
    assert_eq!(user.table.as_deref(), Some("user"));
    assert!(user.complete, "{:?}", user.gaps);
    let email = column(&user, "email");
    assert_eq!((email.unique, email.length, email.nullable, email.has_default), (true, Some(255), Some(false), false));
    assert!(column(&user, "is_active").has_default);
    assert_eq!(column(&user, "name").nullable, Some(true));
    assert!(column(&user, "id").primary_key && column(&user, "id").has_default);
    assert_eq!(column(&user, "data").family, TypeFamily::Json);
    assert_eq!(column(&user, "owner").foreign_key.as_deref(), Some("team.id"));
    assert_eq!(column(&user, "owner").on_delete.as_deref(), Some("CASCADE"));
    assert_eq!(relationship(&user, "items").uselist, Some(true));
    let item = model(&db, "models.py", "Item");
    assert_eq!(item.table.as_deref(), Some("things"));
    assert_eq!(relationship(&item, "owner").uselist, Some(false));
    assert_eq!(column(&item, "id").nullable, Some(false), "a key is never null, whatever the annotation");
    let create = model(&db, "models.py", "UserCreate");
    assert!(!create.is_table() && create.kind == ModelKind::SqlModelBase);
    assert!(create.column(Name::new("password")).is_some());
}

#[test]
fn what_cannot_be_seen_makes_a_model_incomplete() {
    let db = fixture(&[(
        "models.py",
        "from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, registry\nfrom sqlalchemy import Column, Integer, Table, MetaData, String\nfrom fastapi_users.db import SQLAlchemyBaseUserTable\nfrom lib import extend\n\
         class Base(DeclarativeBase): ...\n\
         class Outside(SQLAlchemyBaseUserTable, Base):\n    __tablename__ = 'a'\n\
         class Lost(Missing, Base):\n    __tablename__ = 'b'\n\
         class Dynamic(Base):\n    __tablename__ = 'c'\n    def __getattr__(self, name): ...\n\
         @extend\nclass Extended(Base):\n    __tablename__ = 'd'\n\
         class Patched(Base):\n    __tablename__ = 'e'\nfor name in names:\n    setattr(Patched, name, Column(Integer))\n\
         class Data(MappedAsDataclass, Base):\n    __tablename__ = 'f'\n    id: Mapped[int]\n\
         class Unknown(get_base()):\n    __tablename__ = 'g'\n    id = Column(Integer, primary_key=True)\n\
         things = Table('things', MetaData(), Column('id', Integer, primary_key=True), Column('name', String(5), nullable=False))\n\
         class Thing(Base):\n    __table__ = things\n\
         mapper_registry = registry()\n@mapper_registry.mapped\nclass Registered:\n    __tablename__ = 'h'\n    id = Column(Integer, primary_key=True)\n\
         class NotMapped:\n    id = 1\n",
    )]);
    let gaps = |path: &str| model(&db, "models.py", path).gaps.clone();
    assert!(matches!(gaps("Outside")[..], [Gap::OutsideBase(_)]));
    assert_eq!(gaps("Lost"), [Gap::UnknownBase]);
    assert_eq!(gaps("Dynamic"), [Gap::Dynamic]);
    assert_eq!(gaps("Extended"), [Gap::Decorator]);
    assert_eq!(gaps("Patched"), [Gap::Patched]);
    assert!(gaps("Unknown").contains(&Gap::UnknownBase));
    let data = model(&db, "models.py", "Data");
    assert!(data.complete && data.custom_init);
    let thing = model(&db, "models.py", "Thing");
    assert!(thing.complete && thing.is_table());
    assert_eq!(thing.table.as_deref(), Some("things"));
    assert_eq!(column(&thing, "name").nullable, Some(false));
    assert!(model(&db, "models.py", "Registered").complete);
    assert!(orm_model(&db, class(&db, "models.py", "NotMapped")).is_none());
    let core = tables_of_module(&db, file(&db, "models.py"));
    assert_eq!(core.len(), 1);
    assert_eq!(core[0].columns.len(), 2);
}

#[test]
fn types_of_the_project_are_read() {
    let db = fixture(&[(
        "models.py",
        "from sqlalchemy import TypeDecorator, DateTime, JSON, String, Column, Integer, LargeBinary\nfrom sqlalchemy.dialects.postgresql import JSONB\nfrom sqlalchemy.orm import declarative_base\nfrom sqlalchemy_utils import TSVectorType\n\
         Base = declarative_base()\nclass UTCDateTime(TypeDecorator):\n    impl = DateTime\nclass Name(String): ...\nJsonType = JSON().with_variant(JSONB, 'postgresql')\ndef encrypted():\n    return LargeBinary()\n\
         class M(Base):\n    __tablename__ = 'm'\n    id = Column(Integer, primary_key=True)\n    at = Column(UTCDateTime())\n    name = Column(Name(10))\n    data = Column(JsonType)\n    secret = Column(encrypted())\n    vector = Column(TSVectorType('a'))\n    inline = Column(JSON().with_variant(JSONB(), 'postgresql'))\n",
    )]);
    let m = model(&db, "models.py", "M");
    assert_eq!(column(&m, "at").family, TypeFamily::DateTime);
    assert_eq!(column(&m, "at").zoned, None);
    assert_eq!(column(&m, "name").family, TypeFamily::String);
    assert_eq!(column(&m, "data").family, TypeFamily::Json);
    assert_eq!(column(&m, "inline").family, TypeFamily::Json);
    assert_eq!(column(&m, "secret").family, TypeFamily::Binary);
    assert_eq!(column(&m, "vector").family, TypeFamily::Other(Name::new("TSVectorType")));
}

#[test]
fn constraints_of_the_table_say_what_single_columns_are() {
    let constraints = "
from sqlalchemy import Column, ForeignKeyConstraint, Integer, MetaData, PrimaryKeyConstraint, String, Table
from app.base import Base

class Member(Base):
    __tablename__ = 'members'
    __table_args__ = (
        PrimaryKeyConstraint('channel', 'person_id'),
        ForeignKeyConstraint(['channel', 'package'], ['packages.channel', 'packages.name']),
        ForeignKeyConstraint(['person_id'], ['people.id'], ondelete='CASCADE'),
    )
    channel = Column(String)
    package = Column(String)
    person = Column('person_id', Integer)

marks = Table(
    'marks', MetaData(),
    Column('person_id', Integer),
    ForeignKeyConstraint(['person_id'], ['people.id']),
)
";
    let db = fixture(&[("app/__init__.py", ""), BASE, ("app/models.py", constraints)]);
    let member = model(&db, "app/models.py", "Member");
    let person = column(&member, "person");
    assert!(person.primary_key && column(&member, "channel").primary_key);
    assert_eq!((person.foreign_key.as_deref(), person.on_delete.as_deref()), (Some("people.id"), Some("CASCADE")));
    for name in ["channel", "package"] {
        assert_eq!(column(&member, name).foreign_key, None, "{name}");
    }
    let tables = tables_of_module(&db, file(&db, "app/models.py"));
    let (_, person) = &tables.iter().find(|table| table.name.as_deref() == Some("marks")).unwrap().columns[0];
    assert_eq!(person.foreign_key.as_deref(), Some("people.id"));
}
