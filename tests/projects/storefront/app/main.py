from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from app.api import admin, catalog, checkout, orders, products, reports, sessions, users, wallets
from app.core.config import get_settings
from app.webhooks import carrier, payments

app = FastAPI(title="Storefront")
app.add_middleware(
    CORSMiddleware,
    allow_origins=get_settings().cors_origins,
    allow_credentials=True,
    allow_methods=["*"],
)

for module in (admin, catalog, checkout, orders, products, reports, sessions, users, wallets):
    app.include_router(module.router)
app.include_router(payments.router)
app.include_router(carrier.router)
