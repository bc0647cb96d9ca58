from app.core.database import SessionLocal
from app.models import Product


def main() -> None:
    db = SessionLocal()
    db.add(Product(sku="MUG-1", title="Mug", price=9))
    db.commit()


if __name__ == "__main__":
    main()
