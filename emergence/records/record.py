"""Record: the schema of one score, in one place."""

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """One score of one checkpoint.

    Unknown fields are kept.  Tables are checked by whole columns, not through this class; it
    is the schema in one place, and the way to write single records.

    Examples
    --------
    >>> Record(model="m", run="m-1", params=1e6, tokens=1e8, loss=3.1, task="toy",
    ...        metric="acc", value=0.25, chance=0.25).loss
    3.1
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    model: str = Field(min_length=1, description="name of the model")
    run: str = Field(min_length=1, description="name of the training run, unique")
    params: float = Field(gt=0, description="non-embedding parameters unless source says otherwise")
    tokens: float = Field(gt=0, description="training tokens seen")
    loss: float = Field(gt=0, description="pre-training loss, nats per token")
    loss_stderr: float | None = Field(
        default=None, ge=0, description="standard error of the loss; widens intervals on its axis"
    )
    task: str = Field(min_length=1, description="name of the task")
    metric: str = Field(min_length=1, description="acc, exact_match, choice_prob, brier, ...")
    value: float = Field(description="score, as a fraction")
    n_items: float | None = Field(default=None, ge=1, description="items behind the score")
    stderr: float | None = Field(
        default=None, ge=0, description="standard error of the score; kept, and no fit uses it"
    )
    chance: float | None = Field(default=None, description="score of uniform guessing")
    best: float | None = Field(default=None, description="score of a perfect model")
    family: str | None = Field(
        default=None, description="what makes losses comparable: tokenizer, corpus, loss kind"
    )
    step: float | None = Field(default=None, description="optimiser step")
    seed: float | None = Field(default=None, description="random seed of the run")
    flops: float | None = Field(default=None, gt=0, description="training compute")
    source: str | None = Field(default=None, description="where the figure comes from")
