"""What carries a letter to a person: mail, the messengers' robots, signed webhooks. One function each, by channel."""

from sandbox.jobs.carriers.carrying import Again, Carried, Never, Parcel, Sent
from sandbox.jobs.carriers.mail import carry_by_mail
from sandbox.jobs.carriers.robots import carry_by_robot
from sandbox.jobs.carriers.webhook import carry_by_webhook
from sandbox.store.channels import ROBOTS, ChannelKind

CARRIERS = {ChannelKind.MAIL: carry_by_mail, ChannelKind.WEBHOOK: carry_by_webhook,
            **dict.fromkeys(ROBOTS, carry_by_robot)}

__all__ = ["CARRIERS", "Again", "Carried", "Never", "Parcel", "Sent"]
