// frame_loader: a frame of embedded tokens from the stream into rows of the residual stream.
//
// The host looks the rows of the token and position tables up; here they are added and shifted left. A frame brings
// two neighbouring lanes at a time, lanes 0 and 1 first: one beat of tags, then a beat for every feature,
//   tag      [5:0] of the even lane, [13:8] of the odd lane: {report, real, segment[3:0]}
//   feature  {position of the odd lane, its token, position of the even lane, its token}, int8 each
// and tlast on the very last. real: the lane holds a token, not padding; segment: the sentence it belongs to;
// report: logits of that sentence are sent from this lane. Lanes that do not come are padding.
//
// Beats are taken while active_i. wrong_o: tlast in the wrong place, more pairs than lanes, or nobody to report to.
`default_nettype none

module frame_loader #(
    parameter integer Lanes = 16
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,

    input  wire                     start_i,
    input  wire                     active_i,
    input  wire [             11:0] features_i,
    input  wire [              2:0] shift_i,
    output reg                      begun_o,    // a beat has been taken
    output wire                     done_o,     // the last beat is taken now
    output reg                      wrong_o,

    input  wire [             31:0] s_axis_tdata,
    input  wire                     s_axis_tvalid,
    output wire                     s_axis_tready,
    input  wire                     s_axis_tlast,

    output wire                     tag_write_o,
    output wire                     tag_first_o,
    output reg  [$clog2(Lanes)-2:0] pair_o,
    output wire [             11:0] tags_o,

    output reg                      row_o,       // at 2
    output reg                      wrap_o,
    output reg  [             23:0] start_even_o,
    output reg  [             23:0] start_odd_o
);
  reg in_features_q;
  reg [11:0] feature_q, final_q;
  reg reported_q;
  wire beat = s_axis_tvalid && s_axis_tready;
  wire feature_beat = beat && in_features_q;
  wire pair_end = feature_q == final_q;
  wire full = &pair_o;
  wire reports = s_axis_tdata[5] || s_axis_tdata[13];

  assign s_axis_tready = active_i && !wrong_o;
  assign done_o = feature_beat && s_axis_tlast;
  assign tag_write_o = beat && !in_features_q;
  assign tag_first_o = !begun_o;
  assign tags_o = {s_axis_tdata[13:8], s_axis_tdata[5:0]};

  always @(posedge clk_i) begin
    final_q <= features_i - 12'd1;
    if (!rst_ni || start_i) begin
      begun_o       <= 1'b0;
      wrong_o       <= 1'b0;
      in_features_q <= 1'b0;
      feature_q     <= 12'd0;
      pair_o        <= {($clog2(Lanes) - 1) {1'b0}};
      reported_q    <= 1'b0;
    end else if (beat) begin
      begun_o <= 1'b1;
      if (!in_features_q) begin
        in_features_q <= 1'b1;
        reported_q    <= reported_q || reports;
        wrong_o       <= s_axis_tlast;
      end else begin
        feature_q     <= pair_end ? 12'd0 : feature_q + 12'd1;
        in_features_q <= !pair_end;
        if (pair_end) pair_o <= pair_o + 1'b1;
        wrong_o <= s_axis_tlast ? !pair_end || !reported_q : pair_end && full;
      end
    end
  end

  // ---- Sum (1), shift (2).
  reg row_q, wrap_q;
  reg signed [8:0] even_q, odd_q;

  always @(posedge clk_i) begin
    row_q        <= rst_ni && feature_beat;
    wrap_q       <= feature_beat && pair_end;
    even_q       <= {s_axis_tdata[7], s_axis_tdata[7:0]} + {s_axis_tdata[15], s_axis_tdata[15:8]};
    odd_q        <= {s_axis_tdata[23], s_axis_tdata[23:16]} + {s_axis_tdata[31], s_axis_tdata[31:24]};
    row_o        <= rst_ni && row_q;
    wrap_o       <= wrap_q;
    start_even_o <= {24{row_q}} & ({{15{even_q[8]}}, even_q} << shift_i);
    start_odd_o  <= {24{row_q}} & ({{15{odd_q[8]}}, odd_q} << shift_i);
  end
endmodule

`default_nettype wire
