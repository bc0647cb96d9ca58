from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from app.core.database import SessionDep
from app.core.security import CurrentUser
from app.models import Product, Review
from app.services.orders import OrderService

router = APIRouter(prefix="/products")


class ReviewIn(BaseModel):
    rating: int
    body: str


class ProductIn(BaseModel):
    sku: str
    title: str
    price: float


@router.get("/{product_id}")
def read_product(product_id: int, db: SessionDep) -> dict:
    product = db.get(Product, product_id)
    if product is None:
        raise HTTPException(status_code=404)
    product.view_count = Product.view_count + 1
    db.commit()
    return {"title": product.title, "price": product.price}


@router.post("")
def create_product(body: ProductIn, db: SessionDep, user: CurrentUser) -> dict:
    product = Product(sku=body.sku, name=body.title, price=body.price)
    db.add(product)
    db.commit()
    return {"id": product.id}


@router.post("/{product_id}/reviews")
def add_review(product_id: int, body: ReviewIn, db: SessionDep, user: CurrentUser) -> dict:
    review = Review(product_id=product_id, author_id=user.id, rating=body.rating, body=body.body)
    db.add(review)
    db.commit()
    return {"id": review.id}


@router.post("/{product_id}/restock")
def restock(product_id: int, quantity: int, db: SessionDep, user: CurrentUser) -> None:
    OrderService(db).restock(product_id, quantity)


@router.put("/{product_id}")
def update_product(product_id: int, body: ProductIn, db: SessionDep, user: CurrentUser) -> dict:
    product = db.get(Product, product_id)
    if product is None:
        raise HTTPException(status_code=404)
    product.title = body.title
    product.price = body.price
    db.commit()
    return {"id": product.id}
