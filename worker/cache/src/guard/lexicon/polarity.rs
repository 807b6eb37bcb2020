//! Words that turn a statement round.

/// Plain negations.
pub(super) const NEGATIONS: &str = "not no never none nobody nothing nowhere neither nor without cannot non \
    nicht nichts nie niemals niemand kein keine keinen keinem keiner keines ohne weder noch nirgends \
    ne pas jamais rien aucun aucune sans ni personne nul nulle \
    nunca jamás nada nadie ningún ninguno ninguna sin tampoco ni";

/// Scales and their two ends. A word stands in its plain forms; English endings are understood.
#[rustfmt::skip]
pub(super) const SCALES: &[(&str, &str)] = &[
    ("approve approval accept accepted acceptance grant granted authorise authorize endorse permit permitted allow allowed \
      genehmigt genehmigte bewilligt angenommen zugelassen erlaubt approuvé approuvée approuve accepté acceptée autorisé autorisée \
      aprobado aprobada aprobó aceptado aceptada autorizado autorizada",
"reject rejection deny denied denial decline refuse refused refusal forbid forbidden prohibit ban banned disallow \
      abgelehnt lehnte verweigert verboten untersagt zurückgewiesen rejeté rejetée rejette refusé refusée interdit interdite \
      rechazado rechazada rechazó denegado denegada prohibido prohibida negado"),
    ("increase rise rose risen rising grow grew grown growth gain climb climbed up upward higher raise soar surge expand \
      gestiegen stieg steigt steigen erhöht erhöhte zugenommen wuchs gewachsen anstieg zunahme \
      augmenté augmente augmentation hausse croissance progressé aumentó aumentado aumento subió subido crecido creció",
"decrease fall fell fallen falling decline declined drop dropped shrink shrank loss lose down downward lower lowered \
      reduce reduction cut plunge slump contract \
      gesunken sank sinkt sinken gefallen fiel gesenkt senkte abgenommen schrumpfte rückgang abnahme \
      diminué diminue diminution baisse baissé chute réduit disminuyó disminuido disminución bajó bajado cayó caído reducido"),
    ("before earlier prior previously vor bevor vorher zuvor früher avant auparavant antes previamente anterior",
"after later afterwards subsequently following nach nachdem nachher danach später après ensuite después luego posterior"),
    ("pass passed passing succeed success successful bestanden erfolgreich gelungen réussi réussie réussite aprobar exitoso éxito",
"fail failed failing failure unsuccessful gescheitert scheiterte durchgefallen misslungen fehlgeschlagen échoué échec \
      fracasado fracasó fracaso suspendido"),
    ("win won winning winner victory gewann gewonnen sieg gagné gagne victoire ganó ganado victoria",
"lost losing loser defeat defeated verlor verloren niederlage perdu perd défaite perdió perdido derrota"),
    ("open opened opening opens reopen geöffnet öffnet öffnete eröffnet ouvert ouverte ouvre abierto abierta abre abrió",
"close closed closing closes closure shut geschlossen schließt schloss fermé fermée ferme cerrado cerrada cierra cerró"),
    ("start started begin began begun launch commence beginnt begann begonnen gestartet commencé commence débuté empezó comenzó \
      iniciado comenzado",
"stop stopped end ended finish finished cease halt terminate beendet endet endete gestoppt terminé termine arrêté cessé \
      terminó terminado acabó detenido"),
    ("more most greater larger bigger mehr größer plus davantage más mayor", "less least fewer smaller weniger kleiner moins menos menor"),
    ("above over exceed exceeds exceeded beyond über oberhalb überschritten dessus supérieur dépassé encima superior superó",
"below under beneath underneath unter unterhalb unterschritten dessous inférieur debajo inferior"),
    ("maximum max höchstens maximal maximale máximo máxima", "minimum min mindestens minimal minimale mínimo mínima"),
    ("high hoch hohe hohen haut haute élevé élevée alto alta", "low niedrig niedrige tief bas basse faible bajo baja"),
    ("hot warm heiß chaud chaude caliente", "cold cool kalt froid froide frío fría"),
    ("safe safely secure harmless sicher ungefährlich sûr sûre seguro segura", "unsafe dangerous hazardous insecure harmful unsicher gefährlich dangereux dangereuse peligroso peligrosa"),
    ("legal lawful legally legitimate rechtmäßig légal légale", "illegal unlawful illegally unrechtmäßig rechtswidrig illégal illégale ilegal"),
    ("valid gültig valide válido válida", "invalid void expired ungültig abgelaufen invalide expiré inválido inválida caducado"),
    ("possible able capable möglich fähig capable posible", "impossible unable incapable unmöglich unfähig incapable imposible"),
    ("likely probable wahrscheinlich probable", "unlikely improbable unwahrscheinlich improbable"),
    ("true correct right accurate wahr richtig korrekt vrai vraie exact verdadero verdadera correcto correcta", "false incorrect wrong inaccurate untrue falsch unrichtig faux fausse inexact falso falsa incorrecto incorrecta"),
    ("positive positively positiv positif positivo positiva", "negative negatively negativ négatif négative negativo negativa"),
    ("guilty convicted schuldig verurteilt coupable condamné condamnée culpable condenado condenada", "innocent acquitted unschuldig freigesprochen acquitté acquittée inocente absuelto absuelta"),
    ("include included including inclusive inklusive einschließlich enthält inclus incluse compris incluido incluida incluye", "exclude excluded excluding exclusive except exklusive ausgenommen ausschließlich außer exclu excluse sauf excluido excluida excepto salvo"),
    ("enable enabled activate activated active aktiviert aktiv activé activée actif activado activada activo", "disable disabled deactivate deactivated inactive deaktiviert inaktiv désactivé désactivée inactif desactivado desactivada inactivo"),
    ("present presence available vorhanden verfügbar anwesend présent présente disponible presente", "absent absence missing unavailable lacking lack fehlt fehlend abwesend absent absente manquant indisponible ausente falta"),
    ("all every everyone everybody always both alle jeder jede jedes immer beide tous toutes chaque toujours todos todas cada siempre ambos", "some few any sometimes either einige manche manchmal wenige quelques certains parfois algunos algunas veces"),
    ("mandatory compulsory required must obligatory shall muss müssen pflicht verpflichtend obligatorisch obligatoire doit obligatorio obligatoria debe", "optional voluntary may freiwillig optional darf facultatif facultative volontaire peut opcional voluntario voluntaria puede"),
    ("support supported favour favor favoured pro dafür befürwortet unterstützt soutient soutenu favorable apoya apoyó apoyado favor", "oppose opposed against contra anti dagegen gegen bekämpft contre opposé contra oponen opuso"),
    ("buy bought purchase purchased acquire acquired kauft kaufte gekauft erworben acheté achète compró comprado", "sell sold sale divest verkauft verkaufte vendu vend vendió vendido"),
    ("import imported importiert importé importado", "export exported exportiert exporté exportado"),
    ("profit profitable surplus gewinn überschuss bénéfice excédent beneficio ganancia superávit", "deficit unprofitable verlust defizit perte déficit pérdida"),
    ("hire hired employ employed recruit eingestellt embauché embauchée contratado contratada", "fire fired dismiss dismissed sack sacked unemployed entlassen gekündigt licencié licenciée despedido despedida"),
    ("arrive arrived arrival enter entered ankunft angekommen eingetroffen arrivé arrivée entré llegó llegado entró", "depart departed departure leave left exit abfahrt abgereist verlassen parti partie sorti départ salió salido partió"),
    ("confirm confirmed verify verified bestätigt confirmé confirmée confirmado confirmada confirmó", "refute refuted disprove contradict contradicted widerlegt bestritten dementiert démenti démentie réfuté desmentido desmintió"),
    ("agree agreed agreement einig zugestimmt accord acuerdo", "disagree disagreed disagreement uneinig désaccord désaccords desacuerdo"),
    ("first former erste ersten ersteren premier première primero primera primer", "last latter final letzte letzten letzteren dernier dernière último última"),
    ("front forward ahead vorne vorwärts devant delante adelante", "rear backward behind hinten rückwärts hinter derrière atrás detrás"),
    ("leftmost links gauche izquierda izquierdo", "rightmost rechts droite derecha derecho"),
    ("north northern norden nördlich nord norte", "south southern süden südlich sud sur"),
    ("east eastern osten östlich", "west western westen westlich ouest oeste"),
    ("inside internal indoor within innen drinnen innerhalb dedans intérieur dentro interior", "outside external outdoor außen draußen außerhalb dehors extérieur fuera exterior"),
    ("add added attach attached hinzugefügt ajouté ajoutée añadido añadida", "remove removed delete deleted detach entfernt gelöscht retiré supprimé supprimée eliminado eliminada quitado"),
    ("strengthen strong stronger stark stärker gestärkt fort forte renforcé fuerte reforzado", "weaken weak weaker schwach schwächer geschwächt affaibli débil debilitado"),
    ("improve improved improvement better best verbessert besser beste amélioré amélioration meilleur meilleure mejorado mejoró mejor", "worsen worse worst deteriorate deteriorated verschlechtert schlechter schlechteste aggravé pire empeorado empeoró peor"),
    ("male man men boy he him his himself father son husband er ihn ihm mann homme él hombre", "female woman women girl she her hers herself mother daughter wife sie ihr frau femme elle ella mujer"),
    ("public öffentlich public publique público pública", "private privat privé privée privado privada"),
    ("from off aus von depuis desde", "until till bis jusque hasta"),
    ("alive survive survived living lebt überlebt überlebte vivant survécu vivo sobrevivió", "dead die died dying killed death tot starb gestorben getötet mort morte décédé muerto murió"),
    ("early früh tôt temprano", "late spät tard tarde"),
    ("full fully complete completed completely entire voll vollständig complet complète completo completa", "empty partial partially incomplete partly leer teilweise unvollständig vide partiel incomplet vacío parcial incompleto"),
    ("near nahe près cerca", "far fern weit loin lejos"),
    ("only merely nur seulement uniquement sólo solamente únicamente", "additionally zusätzlich außerdem además"),
    ("almost nearly fast beinahe presque casi", "exactly precisely genau exactement exactamente"),
];
