CREATE TABLE users (
    id serial PRIMARY KEY,
    email varchar(320) NOT NULL UNIQUE,
    password_hash text NOT NULL,
    full_name varchar(200) NOT NULL DEFAULT '',
    api_token varchar(64),
    stripe_customer_id text,
    loyalty_points integer NOT NULL DEFAULT 0,
    is_admin boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE products (
    id serial PRIMARY KEY,
    sku varchar(64) NOT NULL UNIQUE,
    title varchar(200) NOT NULL,
    price numeric(12, 2) NOT NULL,
    stock integer NOT NULL DEFAULT 0,
    attributes jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE seats (
    id serial PRIMARY KEY,
    team_id integer NOT NULL,
    user_id integer NOT NULL REFERENCES users (id)
);

CREATE FUNCTION check_seat_limit() RETURNS trigger AS $$
BEGIN
    IF (SELECT count(*) FROM seats WHERE team_id = NEW.team_id) >= 5 THEN
        RAISE EXCEPTION 'team is full';
    END IF;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER seat_limit BEFORE INSERT ON seats FOR EACH ROW EXECUTE FUNCTION check_seat_limit();
