"""Creating members of staff from the command line: the first administrator of a new node."""

from __future__ import annotations

import sqlalchemy as sa

from app import clock
from app.db import Database
from app.errors import Invalid
from app.errors import say as message
from app.offices.models import Agency, Office
from app.offices.scope import under
from app.people import credentials, register, signing_in
from app.people.models import Person
from app.people.names import Name
from app.people.rules import password_fault
from app.policy import Role
from app.work import work
from config import Config


def create(database: Database, config: Config, *, user_name: str, name: str, role: str, office_code: str, password: str) -> None:
    """Take somebody into the register with one role and a password of his own.

    Raises Invalid for a role, office or password that will not do.
    """
    if role not in set(Role):
        raise Invalid(message("staff", "{role} is no role. Roles: {roles}.", role=role, roles=", ".join(Role)))
    if fault := password_fault(password, [user_name, *name.split()]):
        raise Invalid(fault)
    credentials.use_pepper(config.PEPPER)
    hashed = credentials.hash_password(password)
    now = clock.now()
    with work(database) as db:
        office = db.scalar(sa.select(Office).where(Office.code == office_code))
        if office is None:
            raise Invalid(message("staff", "There is no office {code}.", code=office_code))
        # an office above all countries has no agency of its own: any below it will do
        countries = sa.select(Office.country_id).where(under(Office.path, [office.path]), Office.country_id.is_not(None))
        agency = db.scalar(sa.select(Agency).where(Agency.country_id.in_(countries)).order_by(Agency.id).limit(1))
        if agency is None:
            raise Invalid(message("staff", "The country of {code} has no agency yet: add one on the page Offices.", code=office_code))
        family, _, rest = name.partition(" ")
        given, _, patronymic = rest.partition(" ")
        person = register.register_person(
            db, agency=agency, office=office, service_number=user_name, names={_script(name): Name(family, given or family, patronymic)},
            since=now.date(),
        )
        register.give_role(db, person, role=Role(role), office=office, since=now.date(), given_by=None)
        signing_in.set_password(db, person_id=person.id, password_hash=hashed, now=now, user_name=user_name)


def set_password(database: Database, config: Config, *, service_number: str, user_name: str, password: str) -> str:
    """Let somebody who is in the register sign in at this node under a user name; gives how he is called.

    On a class server people come down from the centre, their passwords never do. Raises Invalid.
    """
    credentials.use_pepper(config.PEPPER)
    with database.sessions() as db:
        people = db.execute(sa.select(Person.id, Person.display_name).where(Person.service_number == service_number)).all()
        if len(people) != 1:
            raise Invalid(message("staff", "{n} people have the service number {number} here; it must be one.", n=len(people), number=service_number))
        person_id, name = people[0]
        if fault := password_fault(password, [user_name, *signing_in.own_words(db, person_id)]):
            raise Invalid(fault)
    hashed = credentials.hash_password(password)
    with work(database) as db:
        signing_in.set_password(db, person_id=person_id, password_hash=hashed, now=clock.now(), user_name=user_name)
    return str(name)


def _script(name: str) -> str:
    letter = next((c for c in name if c.isalpha()), "A")
    return "Latn" if letter < "\u0250" else "Cyrl" if letter < "\u0530" else "Arab"
