from functools import lru_cache

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", env_prefix="STOREFRONT_")

    environment: str = "development"
    database_url: str = "postgresql+psycopg://storefront@localhost/storefront"
    jwt_secret: str = "change-me-in-production"
    stripe_api_key: str = ""
    stripe_webhook_secret: str = ""
    carrier_webhook_secret: str = ""
    cors_origins: list[str] = ["*"]
    request_timeout_seconds: float = 10.0
    orders_per_minute: int = 30


@lru_cache
def get_settings() -> Settings:
    return Settings()
