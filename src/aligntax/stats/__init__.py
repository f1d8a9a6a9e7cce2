"""Statistics on arrays. Has never heard of language models."""

from aligntax.stats.clusters import GROUPS, clustered_mean, clustered_rate
from aligntax.stats.intervals import quantile, wilson
from aligntax.stats.prediction_powered import cautions, helps, labelled_mean, prediction_powered_mean
from aligntax.stats.predictions import Predictions
from aligntax.stats.stratified import stratified_mean, stratified_prediction_powered_mean
from aligntax.stats.weighted import weighted_mean, weighted_prediction_powered_mean

__all__ = [
    "GROUPS",
    "Predictions",
    "cautions",
    "clustered_mean",
    "clustered_rate",
    "helps",
    "labelled_mean",
    "prediction_powered_mean",
    "quantile",
    "stratified_mean",
    "stratified_prediction_powered_mean",
    "weighted_mean",
    "weighted_prediction_powered_mean",
    "wilson",
]
