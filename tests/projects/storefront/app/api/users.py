from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from app.core.database import SessionDep
from app.core.security import CurrentUser, hash_password, verify_password
from app.models import User

router = APIRouter(prefix="/users")


class Registration(BaseModel):
    email: str
    password: str


@router.post("")
def register(body: Registration, db: SessionDep) -> dict:
    existing = db.query(User).filter(User.email == body.email).first()
    if existing:
        raise HTTPException(status_code=409)
    user = User(email=body.email, password_hash=hash_password(body.password))
    db.add(user)
    db.commit()
    return {"id": user.id}


@router.post("/login")
def login(body: Registration, db: SessionDep) -> dict:
    user = db.query(User).filter_by(email=body.email).first()
    if user is None or not verify_password(body.password, user.password_hash):
        raise HTTPException(status_code=401)
    return {"id": user.id}


@router.post("/me/password")
def change_password(old: str, new: str, db: SessionDep, user: CurrentUser) -> None:
    if not verify_password(old, user.password_hash):
        raise HTTPException(status_code=401)
    user.password_hash = hash_password(new)
    db.commit()


@router.patch("/me")
def rename(full_name: str, db: SessionDep, user: CurrentUser) -> None:
    if user.full_name != full_name:
        user.full_name = full_name
        db.commit()
